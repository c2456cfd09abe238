import { useEffect } from 'react';
import { useUploads } from '../../uploader/react.js';
import type { Client } from './client';
import { Files } from './Files';
import { Uploads } from './Uploads';
import { useFiles } from './use-files';

/** Asks before the page is left while bytes are on their way. */
function useLeaveGuard(isBusy: boolean) {
  useEffect(() => {
    if (!isBusy) return undefined;
    const guard = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', guard);
    return () => removeEventListener('beforeunload', guard);
  }, [isBusy]);
}

function Workspace({ client }: { client: Client }) {
  const uploads = useUploads(client.uploader);
  const completed = uploads.uploads.filter(({ state }) => state === 'completed').length;
  const running = uploads.uploads.filter(({ state }) => !['completed', 'failed', 'cancelled'].includes(state));
  const files = useFiles(client, completed);
  useLeaveGuard(uploads.isUploading);
  return (
    <>
      <Uploads uploads={uploads} />
      <Files files={files} running={running.map(({ remoteFile }) => remoteFile?.id)} />
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

/** The page. `username` is null when nobody is signed in. */
export function App({ client, username }: { client: Client; username: string | null }) {
  return (
    <>
      <header>
        <h1>fileman with React</h1>
        {username && (
          <p>
            Signed in as <strong>{username}</strong>
          </p>
        )}
      </header>
      <main>{username ? <Workspace client={client} /> : <SignIn />}</main>
    </>
  );
}
