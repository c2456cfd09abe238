import { type Client, createRequest } from '@urql/core';
import type { GraphQLRequest } from './types.js';

/** Sends the uploader's documents through an urql client, which returns errors instead of throwing them. */
export function urqlRequest(client: Client): GraphQLRequest {
  return async (document, variables, { signal = null, keepalive = false } = {}) => {
    const { fetchOptions } = client.createRequestOperation('mutation', createRequest(document, variables)).context;
    // Those of a call replace the client's own, with its headers.
    const own = typeof fetchOptions === 'function' ? fetchOptions() : fetchOptions;
    const { data, error } = await client.mutation(document, variables, { fetchOptions: { ...own, signal, keepalive } }).toPromise();
    if (error) throw error;
    return data;
  };
}
