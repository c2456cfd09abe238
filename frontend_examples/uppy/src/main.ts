import '@uppy/core/css/style.min.css';
import '@uppy/dashboard/css/style.min.css';
import './style.css';

import Uppy, { type UploadResult, type Meta, type Body } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import { fetchRequest, FileUploader } from '../../uploader/file-uploader.js';
import { FilemanUpload } from './fileman-upload';

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

function showDashboard(uploader: FileUploader): void {
  const uppy = new Uppy()
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
  const { viewer } = (await request('query Viewer { viewer { username } }', {})) as { viewer: { username: string } | null };
  element('user').textContent = viewer ? `Signed in as ${viewer.username}` : '';
  element('sign-in').hidden = viewer !== null;
  if (viewer) showDashboard(new FileUploader({ request }));
}

const signInLink = element('sign-in').querySelector('a');
if (signInLink) signInLink.href = `/accounts/login/?next=${encodeURIComponent(location.pathname)}`;
load().catch((cause: unknown) => (element('status').textContent = `The API cannot be reached. ${String(cause)}`));
