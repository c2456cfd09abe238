import '@uppy/core/css/style.min.css';
import '@uppy/dashboard/css/style.min.css';
import './style.css';

import Uppy, { type UploadResult, type Meta, type Body } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import { fetchRequest, FileUploader } from '../../uploader/file-uploader.js';
import { FilemanUpload, restrictionsFrom } from '../../uploader/uppy.js';

type Manager = Parameters<typeof restrictionsFrom>[0] & { isDefault: boolean };
type Start = { viewer: { username: string } | null; fileManagers: { edges: { node: Manager }[] } };
const START = `query Start {
  viewer { username }
  fileManagers(first: 50) { edges { node { isDefault maxFileSize allowedExtensions allowedMimeTypes } } }
}`;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element with the id "${id}".`);
  return found;
}

/** Sets the CSRF cookie and answers the token that goes with it. */
async function fetchCsrfToken(): Promise<string> {
  const response = await fetch('/fileman/csrf/', { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  return ((await response.json()) as { csrfToken: string }).csrfToken;
}

function describe({ successful = [], failed = [] }: UploadResult<Meta, Body>): string {
  const problems = failed.map(({ name, error }) => `${name}: ${error}`);
  return [`${successful.length} of ${successful.length + failed.length} uploaded.`, ...problems].join(' ');
}

function showDashboard(uploader: FileUploader, restrictions: ReturnType<typeof restrictionsFrom>): void {
  const uppy = new Uppy({ restrictions })
    .use(Dashboard, {
      inline: true,
      target: element('dashboard'),
      theme: 'auto',
      width: '100%',
      height: 480,
      proudlyDisplayPoweredByUppy: false,
      // Uppy smooths the time left from the first bytes on: after a tiny file it says hours for minutes.
      hideProgressDetails: true,
      showLinkToFileUploadResult: true,
      note: 'Uploads can be paused and resumed.',
    })
    .use(FilemanUpload, { uploader });
  // The Dashboard tells screen readers neither how an upload ended nor why it failed.
  uppy.on('complete', (result) => (element('status').textContent = describe(result)));
}

async function load(): Promise<void> {
  const request = fetchRequest({ csrfToken: await fetchCsrfToken() });
  const { viewer, fileManagers } = (await request(START, {})) as Start;
  element('user').textContent = viewer ? `Signed in as ${viewer.username}` : '';
  element('sign-in').hidden = viewer !== null;
  const manager = fileManagers.edges.find(({ node }) => node.isDefault)?.node;
  const any = { maxFileSize: 0, allowedExtensions: [], allowedMimeTypes: [] };
  if (viewer) showDashboard(new FileUploader({ request }), restrictionsFrom(manager ?? any));
}

const signInLink = element('sign-in').querySelector('a');
if (signInLink) signInLink.href = `/accounts/login/?next=${encodeURIComponent(location.pathname)}`;
load().catch((cause: unknown) => (element('status').textContent = `The API cannot be reached. ${String(cause)}`));
