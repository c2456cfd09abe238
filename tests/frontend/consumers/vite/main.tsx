import { FileUploader, type UploadHandle, type UploadResult } from 'fileman-uploader';
import { useUploads } from 'fileman-uploader/react';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

const csrfToken = async () => (await (await fetch('/fileman/csrf/')).json()).csrfToken as string;
const uploader = new FileUploader({
  csrfToken,
  createWorker: () => new Worker(new URL('fileman-uploader/checksum-worker', import.meta.url), { type: 'module' }),
});

/** What the types promise: a result tells its half, events have their details, codes have no typing errors. */
export function describe(result: UploadResult, upload: UploadHandle): string {
  upload.addEventListener('debug', ({ detail }) => console.debug(detail.name, detail.milliseconds));
  // @ts-expect-error only the engine says what state an upload is in
  upload.enter('completed');
  // @ts-expect-error there is no such code
  if (result.error?.code === 'FILE_TO_LARGE') return 'a typing error';
  if (result.error?.code === 'FILE_TOO_LARGE') return 'too large';
  return result.status === 'completed' ? (result.file.permalink ?? '') : result.error.message;
}

function App() {
  const { uploads, actions } = useUploads(uploader);
  return (
    <>
      <input type="file" onChange={({ target }) => target.files && actions.add(target.files, { checksum: 'sha256' })} />
      {uploads.map(({ id, file, state, progress, remoteFile }) => (
        <p key={id} data-state={state} data-parts={progress.partsDone}>
          {file.name} {remoteFile?.checksum}
        </p>
      ))}
    </>
  );
}

function Page() {
  const [isShown, setIsShown] = useState(true);
  return (
    <>
      <button onClick={() => setIsShown(!isShown)}>Toggle</button>
      {isShown && <App />}
    </>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(<Page />);
