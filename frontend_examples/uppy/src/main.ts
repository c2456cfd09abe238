import '@uppy/core/css/style.min.css';
import '@uppy/dashboard/css/style.min.css';
import './style.css';

import Uppy, { type UploadResult, type Meta, type Body } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import { connect, type Connection } from '../../connection';
import { FilemanUpload, restrictionsFrom } from '../../uploader/uppy.js';

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element with the id "${id}".`);
  return found;
}

function describe({ successful = [], failed = [] }: UploadResult<Meta, Body>): string {
  const problems = failed.map(({ name, error }) => `${name}: ${error}`);
  return [`${successful.length} of ${successful.length + failed.length} uploaded.`, ...problems].join(' ');
}

function showDashboard({ uploader, fileManagers }: Connection): void {
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
  const choice = element('storage').querySelector('select') as HTMLSelectElement;
  const choose = () => {
    const manager = fileManagers[choice.selectedIndex];
    if (!manager) return;
    uppy.setOptions({ restrictions: restrictionsFrom(manager) });
    uppy.getPlugin('FilemanUpload')?.setOptions({ uploadOptions: { fileManagerId: manager.id } });
  };
  choice.append(...fileManagers.map(({ name, isDefault }) => new Option(name, name, isDefault, isDefault)));
  choice.addEventListener('change', choose);
  choose();
}

async function load(): Promise<void> {
  const connection = await connect();
  const { viewer } = connection;
  element('user').textContent = viewer ? `Signed in as ${viewer.username}` : '';
  element('sign-in').hidden = viewer !== null;
  element('storage').hidden = viewer === null;
  if (viewer) showDashboard(connection);
}

const signInLink = element('sign-in').querySelector('a');
if (signInLink) signInLink.href = `/accounts/login/?next=${encodeURIComponent(location.pathname)}`;
load().catch((cause: unknown) => (element('status').textContent = `The API cannot be reached. ${String(cause)}`));
