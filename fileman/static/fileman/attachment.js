/** The widget of attachments: uploads a chosen file at once and puts its handle into the form, also in added rows. */
import { FileUploader, fetchRequest } from "./uploader/file-uploader.js";

const HANDLE = "query ($id: ID!) { file(id: $id) { handle } }";
/** The running upload of each widget. */
const running = new WeakMap();

for (const name of ["change", "click"])
  document.addEventListener(name, ({ target }) => {
    const box = target.closest?.(".fileman-attachment");
    if (box && name === "change" && target.files?.length) void upload(box, target);
    if (box && name === "click" && target.type === "button") remove(box, target);
  });

async function upload(box, input) {
  const [file] = input.files;
  const request = withSlot(box.dataset, input.form);
  let own;
  const show = (words) => running.get(box) === own && (box.querySelector("output").textContent = `${file.name}: ${words}`);
  const onUpload = (upload) => {
    running.get(box)?.cancel();
    running.set(box, (own = upload));
    upload.addEventListener("change", () => running.get(box) === own && move(box, upload.progress));
    show("uploading.");
  };
  input.setCustomValidity("Wait until the file is uploaded.");
  try {
    const [{ file: stored, error }] = await new FileUploader({ request, storage: null }).uploadFiles([file], { onUpload });
    if (error) throw error;
    const reply = await request(HANDLE, { id: stored.id });
    if (show("uploaded.")) box.querySelector("[type=hidden]").value = reply.file.handle ?? "";
    box.querySelector("button").hidden = false;
  } catch (error) {
    show(error.message);
  }
  if (running.get(box) !== own) return;
  input.setCustomValidity("");
  box.querySelector("progress").hidden = true;
}

/** The uploader's own request, which also tells for which field the file is. */
function withSlot({ url, slot }, form) {
  const send = fetchRequest({ endpoint: url, csrfToken: form.elements.csrfmiddlewaretoken?.value });
  const add = (variables) => (variables.input?.files ? { input: { ...variables.input, slot } } : variables);
  return (document, variables, options) => send(document, add(variables), options);
}

function remove(box, button) {
  running.get(box)?.cancel();
  running.delete(box);
  for (const input of box.querySelectorAll("input")) input.value = "";
  box.querySelector("[type=file]").setCustomValidity("");
  box.querySelector("output").textContent = "Removed.";
  box.querySelector("progress").hidden = button.hidden = true;
  box.querySelector("[type=file]").focus();
}

function move(box, { loadedBytes, totalBytes }) {
  Object.assign(box.querySelector("progress"), { hidden: false, value: loadedBytes / (totalBytes || 1) });
}
