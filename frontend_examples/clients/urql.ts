import type { Client } from '@urql/core';

import { FileUploader } from '../uploader/file-uploader.js';

/** An uploader that speaks through an urql client, which reports errors instead of throwing them. */
export function uploaderOver(client: Client): FileUploader {
  return new FileUploader({
    request: async (document, variables, { signal, keepalive } = {}) => {
      const context = { fetchOptions: { signal: signal ?? null, keepalive: keepalive ?? false } };
      const { data, error } = await client.mutation(document, variables, context).toPromise();
      if (error) throw error;
      return data;
    },
  });
}
