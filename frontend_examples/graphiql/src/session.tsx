import { useEffect, useState } from 'react';
import type { Api } from './fetcher';

type Session = { state: 'loading' } | { state: 'signedOut' } | { state: 'signedIn'; username: string } | { state: 'failed' };

async function fetchSession({ endpoint, csrfToken }: Api): Promise<Session> {
  const response = await fetch(endpoint, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken },
    body: JSON.stringify({ query: 'query Viewer { viewer { username } }' }),
  });
  const { data } = (await response.json()) as { data?: { viewer: { username: string } | null } };
  if (!data) return { state: 'failed' };
  return data.viewer ? { state: 'signedIn', username: data.viewer.username } : { state: 'signedOut' };
}

/** Who is signed in, and a link to sign in: most operations need it. */
export function SessionBar({ api, loginUrl }: { api: Api; loginUrl: string }) {
  const [session, setSession] = useState<Session>({ state: 'loading' });

  useEffect(() => {
    fetchSession(api).then(setSession, () => setSession({ state: 'failed' }));
  }, [api]);

  return (
    <header className="session-bar">
      <h1 className="session-title">fileman API</h1>
      <span role="status">
        {session.state === 'loading' && 'Checking who is signed in…'}
        {session.state === 'failed' && 'The API did not answer.'}
        {session.state === 'signedOut' && 'Not signed in: uploads will be refused.'}
        {session.state === 'signedIn' && (
          <>
            Signed in as <strong>{session.username}</strong>
          </>
        )}
      </span>
      {session.state === 'signedOut' && <a href={loginUrl}>Sign in</a>}
    </header>
  );
}
