import type { GraphiQLProps } from 'graphiql';
import { Kind, parse } from 'graphql';

/**
 * The operation to run. Right after a change of tabs GraphiQL still names the one of the tab before; where the document
 * holds a single operation, that one is meant.
 */
function operationName(query: string, given: string | null | undefined): string | null | undefined {
  try {
    const named = parse(query).definitions.flatMap((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
    );
    return named.length === 1 ? named[0] : given;
  } catch {
    return given;
  }
}

/** Sends GraphiQL's requests to the view with the session cookie and Django's CSRF token, and passes the answers on. */
export function createFetcher(endpoint: string, csrfToken: string, onReply: (reply: unknown) => void): GraphiQLProps['fetcher'] {
  return async (params, options) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        'X-CSRFToken': csrfToken,
        ...options?.headers,
      },
      body: JSON.stringify({ ...params, operationName: operationName(params.query, params.operationName) }),
    });
    if (!response.headers.get('Content-Type')?.includes('json')) {
      return { errors: [{ message: `HTTP ${response.status}: the server did not answer with JSON.` }] };
    }
    const reply = await response.json();
    onReply(reply);
    return reply;
  };
}
