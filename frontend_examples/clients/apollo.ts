import { type ApolloClient, gql } from '@apollo/client';

import { FileUploader } from '../uploader/file-uploader.js';

/** An uploader that speaks through an Apollo Client; its link brings the headers. Uploads stay out of the cache. */
export function uploaderOver(client: ApolloClient): FileUploader {
  return new FileUploader({
    request: async (document, variables, { signal, keepalive } = {}) => {
      const context = { fetchOptions: { signal, keepalive } };
      return (await client.mutate({ mutation: gql(document), variables, context, fetchPolicy: 'no-cache' })).data;
    },
  });
}
