import { droppedFiles } from "../uploader/folders.js";

/** Takes files from the inputs, from a drop anywhere on the page, and from the clipboard. @param {HTMLInputElement[]} inputs @param {(files: File[]) => void} take @param {(sentence: string) => void} say */
export function watchDropZone(inputs, take, say) {
  const choose = (/** @type {HTMLInputElement} */ input) => {
    take([...(input.files ?? [])]);
    input.value = "";
  };
  for (const input of inputs) input.addEventListener("change", () => choose(input));
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("over");
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    droppedFiles(event.dataTransfer).then(take, () => say("The folder cannot be read."));
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}
