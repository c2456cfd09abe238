import { fetchRequest, FileUploader } from '../../uploader/file-uploader.js';
import type { Operation } from './operations';

/** What the app needs of the server: typed operations, and an uploader over the same connection. */
export interface Client {
  uploader: FileUploader;
  /** Resolves with the data of the answer; rejects with an UploadError. */
  execute<Data, Variables extends Record<string, unknown>>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Data>;
}

/** Sets the CSRF cookie and takes the token that goes with it, then connects both halves of the client. */
export async function connect(): Promise<Client> {
  const response = await fetch('/fileman/csrf/', { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const { csrfToken } = (await response.json()) as { csrfToken: string };
  const request = fetchRequest({ csrfToken });
  return {
    uploader: new FileUploader({ request }),
    execute: (operation, variables, options) => request(operation.document, variables, options),
  };
}
