import { useEffect, useState, type ChangeEvent } from 'react';
import type { Connection } from '../../connection';
import { useUploads } from '../../uploader/react.js';
import { Uploads } from './Uploads';

/** Asks before the page is left while bytes are on their way. */
function useLeaveGuard(isBusy: boolean) {
  useEffect(() => {
    if (!isBusy) return undefined;
    const guard = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', guard);
    return () => removeEventListener('beforeunload', guard);
  }, [isBusy]);
}

function Workspace({ uploader, fileManagers }: Connection) {
  const { uploads, actions, isUploading } = useUploads(uploader);
  const [fileManagerId, setFileManagerId] = useState(fileManagers.find(({ isDefault }) => isDefault)?.id);
  useLeaveGuard(isUploading);
  const choose = ({ target }: ChangeEvent<HTMLInputElement>) => {
    actions.add(target.files ?? [], { fileManagerId });
    target.value = '';
  };
  return (
    <>
      <label className="storage">
        Storage{' '}
        <select value={fileManagerId} onChange={({ target }) => setFileManagerId(target.value)}>
          {fileManagers.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label className="drop">
        <span>Choose files, or drop them here</span>
        <input type="file" multiple onChange={choose} />
      </label>
      <Uploads uploads={uploads} actions={actions} />
    </>
  );
}

function SignIn() {
  const next = encodeURIComponent(location.pathname);
  return (
    <p>
      Uploads belong to a user: <a href={`/accounts/login/?next=${next}`}>sign in</a> first.
    </p>
  );
}

/** The page. */
export function App({ connection }: { connection: Connection }) {
  const { viewer } = connection;
  return (
    <>
      <header>
        <h1>fileman with React</h1>
        {viewer && <p>Signed in as {viewer.username}</p>}
        <a href="/">All your files</a>
      </header>
      <main>{viewer ? <Workspace {...connection} /> : <SignIn />}</main>
    </>
  );
}
