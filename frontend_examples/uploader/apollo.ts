import { type ApolloClient, gql } from '@apollo/client';
import type { GraphQLRequest } from './types.js';

/** Sends the uploader's documents through an Apollo Client, whose link brings the headers. Uploads stay out of the cache. */
export function apolloRequest(client: ApolloClient): GraphQLRequest {
  return async (document, variables, { signal, keepalive } = {}) => {
    const context = { fetchOptions: { signal, keepalive } };
    return (await client.mutate({ mutation: gql(document), variables, context, fetchPolicy: 'no-cache' })).data;
  };
}
