interface SessionBarProps {
  /** Empty when nobody is signed in. */
  username: string;
  csrfToken: string;
  /** Empty where a host has no such page. */
  loginUrl: string;
  logoutUrl: string;
}

/** The way back, who is signed in, and how to change that: most operations need a user. */
export function SessionBar({ username, csrfToken, loginUrl, logoutUrl }: SessionBarProps) {
  return (
    <header className="session-bar">
      <h1 className="session-title">fileman API</h1>
      <a href="/">Back to the site</a>
      <span>{username ? `Signed in as ${username}` : 'Not signed in: uploads will be refused.'}</span>
      {!username && loginUrl && <a href={`${loginUrl}?next=${encodeURIComponent(location.pathname)}`}>Sign in</a>}
      {username && logoutUrl && (
        <form method="post" action={logoutUrl}>
          <input type="hidden" name="csrfmiddlewaretoken" value={csrfToken} />
          <input type="hidden" name="next" value={location.pathname} />
          <button type="submit">Sign out</button>
        </form>
      )}
    </header>
  );
}
