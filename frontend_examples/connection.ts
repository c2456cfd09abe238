import { fetchRequest, FileUploader } from './uploader/file-uploader.js';
import { Server } from './vanilla/server.js';

/** Sets the CSRF cookie and takes the token that goes with it, then asks who is signed in, and where files may go. */
export async function connect() {
  const response = await fetch('/fileman/csrf/', { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const request = fetchRequest((await response.json()) as { csrfToken: string });
  return { uploader: new FileUploader({ request }), ...(await new Server(request).start()) };
}

/** What the app needs of the server. The viewer is null when nobody is signed in. */
export type Connection = Awaited<ReturnType<typeof connect>>;
