import { element } from "./dom.js";
import { percent } from "./format.js";

const KEPT = 5;
const SHOWN_MS = 6000;
const QUARTERS = [25, 50, 75];

/** The one polite status region: start, quarters, end and errors of each upload, not every tick. */
export class Announcer {
  #region;

  /** @param {HTMLElement} region */
  constructor(region) {
    this.#region = region;
  }

  /** @param {string} sentence @param {"toast" | "unseen"} [kind]  toast: it also shows for some seconds */
  say(sentence, kind = "toast") {
    const line = element("p", { class: kind }, sentence);
    this.#region.append(line);
    while (this.#region.childElementCount > KEPT) this.#region.firstElementChild?.remove();
    if (kind === "toast") setTimeout(() => line.remove(), SHOWN_MS);
  }

  /** @param {import("../uploader/types.js").UploadHandle} upload */
  follow(upload) {
    const { name } = upload.file;
    /** @type {import("../uploader/types.js").UploadState} */ let told = "queued";
    let quarter = 0;
    upload.addEventListener("change", () => {
      const { state, progress } = upload;
      const next = QUARTERS.findLast((mark) => percent(progress.loadedBytes, progress.totalBytes) >= mark) ?? 0;
      const isWorthWaiting = state === "uploading" && (progress.secondsLeft ?? 0) > 1;
      if (isWorthWaiting && next > quarter) this.say(`${name}: ${next} percent.`, "unseen");
      quarter = Math.max(quarter, next);
      const sentence = state === told ? null : stateSentence(name, state, upload.error);
      if (sentence) this.say(sentence, "unseen");
      told = state;
    });
  }
}

/** @param {string} name @param {import("../uploader/types.js").UploadState} state @param {Error | null} error */
function stateSentence(name, state, error) {
  const sentences = {
    starting: `${name}: upload started.`,
    paused: `${name}: paused.`,
    completed: `${name}: uploaded.`,
    failed: `${name}: failed. ${error?.message ?? ""}`,
    cancelled: `${name}: cancelled.`,
  };
  return sentences[/** @type {keyof typeof sentences} */ (state)] ?? null;
}
