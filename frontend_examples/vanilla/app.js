import { fetchRequest, FileUploader, UploadError } from "../uploader/file-uploader.js";
import { Announcer } from "./announcer.js";
import { byId, setText } from "./dom.js";
import { watchDropZone } from "./drop-zone.js";
import { FileList } from "./file-list.js";
import { limitsText, storageText } from "./format.js";
import { FailureLab } from "./lab.js";
import { Server } from "./server.js";
import { demoStorages, StorageChooser } from "./storages.js";

const { csrfToken, graphqlUrl } = document.body.dataset;
const request = fetchRequest({ csrfToken, endpoint: graphqlUrl });
const server = new Server(request);
const announcer = new Announcer(byId("status", HTMLElement));
const say = (/** @type {string} */ sentence) => announcer.say(sentence);
const lab = new FailureLab();
const inputs = ["files", "folder"].map((id) => byId(id, HTMLInputElement));
const uploader = new FileUploader({ request, send: lab.send });
const list = new FileList(server, say, start, uploader);
/** @type {StorageChooser | null} */ let storages = null;

/**
 * New files go to the storage that is chosen, a row's file to the storage that it was meant for. Each row tells its own
 * error, so a refusal of all of them needs no words here.
 * @type {import("./file-list.js").StartUpload}
 */
async function start(files, row) {
  const storage = storages?.chosen ?? null;
  const fileManagerId = row ? row.fileManagerId : storage?.id;
  const isChecksumWanted = byId("checksum", HTMLInputElement).checked && fileManagerId;
  const filesPerRequest = storage?.maxFilesPerBatch ?? 1;
  const options = {
    fileManagerId,
    resumeFileId: row?.fileId ?? undefined,
    filesPerRequest,
    checksum: lab.checksum ?? (isChecksumWanted ? (/** @type {File} */ file) => server.checksumFor(fileManagerId, file.size) : undefined),
    onUpload: (/** @type {import("../uploader/types.js").UploadHandle} */ upload) => {
      if (!list.add(upload, storage, row)) return;
      announcer.follow(upload);
      // The session ended while the page was open.
      upload.addEventListener("change", () => upload.error?.code === "UNAUTHENTICATED" && (byId("sign-in", HTMLElement).hidden = false));
    },
  };
  for (let first = 0; first < files.length; first += filesPerRequest) {
    uploader.uploadFiles(files.slice(first, first + filesPerRequest), options).catch(() => {});
    if (!row && !first) byId("list", HTMLElement).firstElementChild?.scrollIntoView({ block: "nearest" });
    // Of a thousand files, the first are on their way while the page draws the next.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function open() {
  byId("trouble", HTMLElement).hidden = true;
  try {
    const { viewer, fileManagers } = await server.start();
    byId("sign-in", HTMLElement).hidden = viewer !== null;
    if (viewer) await welcome(viewer.username, fileManagers);
  } catch (cause) {
    const { message } = UploadError.from(cause);
    setText(byId("trouble-text", HTMLElement), `Your files could not be loaded. ${message}`);
    byId("trouble", HTMLElement).hidden = false;
    say(message);
  }
}

/** @param {string} username @param {import("./server.js").FileManager[]} fileManagers */
async function welcome(username, fileManagers) {
  setText(byId("viewer", HTMLElement), username);
  byId("sign-out", HTMLElement).hidden = false;
  storages = new StorageChooser(byId("storages", HTMLElement), fileManagers, demoStorages(), username);
  showLimits();
  for (const { id, name } of fileManagers) byId("of-storage", HTMLSelectElement).append(new Option(storageText(name)[0], id));
  for (const id of ["upload", "files-section"]) byId(id, HTMLElement).hidden = false;
  await list.load();
  await list.finishStored();
}

function showLimits() {
  const chosen = storages?.chosen;
  for (const input of inputs) input.disabled = !chosen;
  setText(byId("limits", HTMLElement), chosen ? limitsText(chosen) : "There is no storage that you may upload to. Ask an administrator for one.");
}

function showConnection() {
  byId("offline", HTMLElement).hidden = navigator.onLine;
  say(navigator.onLine ? "You are online again." : "You are offline.");
}

byId("storages", HTMLElement).addEventListener("change", showLimits);
byId("sign-out", HTMLFormElement).addEventListener("submit", () => uploader.forgetUnfinished());
byId("reload", HTMLButtonElement).addEventListener("click", () => void open());
watchDropZone(inputs, (files) => storages?.chosen && void start(files), say);
addEventListener("online", showConnection);
addEventListener("offline", showConnection);
addEventListener("beforeunload", (event) => uploader.uploads.some(({ ended }) => !ended) && event.preventDefault());
byId("offline", HTMLElement).hidden = navigator.onLine;
void open();
