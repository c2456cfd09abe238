/**
 * Takes files from the input, from a drop anywhere on the page, and from the clipboard.
 * @param {HTMLInputElement} input
 * @param {(files: File[]) => void} take
 * @param {(sentence: string) => void} say
 */
export function watchDropZone(input, take, say) {
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });
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
    const { files, folders } = sortOut(event.dataTransfer);
    if (folders) say("Folders cannot be uploaded. Open the folder and drop the files in it.");
    take(files);
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}

/** @param {DataTransfer} dropped */
function sortOut(dropped) {
  const items = [...dropped.items].filter(({ kind }) => kind === "file");
  const plain = items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory);
  const files = plain.map((item) => item.getAsFile()).filter((file) => file !== null);
  return { files, folders: items.length - plain.length };
}
