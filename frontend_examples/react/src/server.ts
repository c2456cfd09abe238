import { fetchRequest, FileUploader } from '../../uploader/file-uploader.js';

/** A place for files. */
export interface FileManager {
  id: string;
  name: string;
  isDefault: boolean;
}

/** What the app needs of the server. */
export interface Server {
  uploader: FileUploader;
  /** Null when nobody is signed in. */
  username: string | null;
  fileManagers: FileManager[];
}

const START = `query Start {
  viewer { username }
  fileManagers(first: 50) { edges { node { id name isDefault } } }
}`;

interface Start {
  viewer: { username: string } | null;
  fileManagers: { edges: { node: FileManager }[] };
}

/** Sets the CSRF cookie and takes the token that goes with it, then asks who is signed in, and where files may go. */
export async function connect(): Promise<Server> {
  const response = await fetch('/fileman/csrf/', { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const request = fetchRequest((await response.json()) as { csrfToken: string });
  const { viewer, fileManagers } = (await request(START, {})) as Start;
  return {
    uploader: new FileUploader({ request }),
    username: viewer?.username ?? null,
    fileManagers: fileManagers.edges.map(({ node }) => node),
  };
}
