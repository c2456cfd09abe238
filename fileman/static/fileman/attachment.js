/** The widget of attachments: uploads a chosen file at once and puts its handle into the form, also in added rows. */
import { FileUploader, fetchRequest } from "./uploader/file-uploader.js";

const HANDLE = "query ($id: ID!) { file(id: $id) { handle } }";
const running = new WeakMap(); // the upload of each widget

for (const name of ["change", "click", "submit"]) // "submit", because the admin's forms have `novalidate`
  document.addEventListener(name, (event) => {
    const { target } = event;
    const box = target.closest?.(".fileman-attachment");
    if (box && name === "change" && target.files?.length) void upload(box, target);
    if (box && name === "click" && target.type === "button") remove(box, target);
    if (name === "submit" && target.querySelector(".fileman-attachment :invalid")?.reportValidity() === false) event.preventDefault();
  });
// Chosen before this script had loaded.
for (const input of document.querySelectorAll(".fileman-attachment [type=file]")) if (input.files.length) void upload(input.parentElement, input);

async function upload(box, input) {
  const [file] = input.files;
  const [bar, hidden] = [box.querySelector("progress"), box.querySelector("[type=hidden]")];
  const request = withSlot(box.dataset, input.form);
  let own;
  const show = (words) => running.get(box) === own && (box.querySelector("output").textContent = `${file.name}: ${words}`);
  const onUpload = (upload) => {
    running.get(box)?.cancel();
    running.set(box, (own = upload));
    upload.addEventListener("change", () => {
      const { loadedBytes: value, totalBytes: max } = upload.progress;
      if (running.get(box) === own) Object.assign(bar, { hidden: false, max: max || 1, value });
    });
    box.querySelector("button").hidden = false;
    show("uploading.");
  };
  input.setCustomValidity("Wait until the file is uploaded.");
  try {
    const [{ file: stored, error }] = await new FileUploader({ request, storage: null }).uploadFiles([file], { onUpload });
    if (error) throw error;
    const reply = await request(HANDLE, { id: stored.id });
    if (show("uploaded.")) hidden.value = reply.file.handle ?? "";
  } catch (error) {
    if (show(`${error.message}${hidden.value && " The former file is kept."}`)) input.value = ""; // so that it can be chosen again
  }
  if (running.get(box) !== own) return;
  input.setCustomValidity("");
  bar.hidden = true;
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
  for (const input of box.querySelectorAll("input")) Object.assign(input, { value: "" }).setCustomValidity("");
  box.querySelector("output").textContent = "Removed.";
  box.querySelector("progress").hidden = button.hidden = true;
  box.querySelector("[type=file]").focus();
}
