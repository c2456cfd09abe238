import { element } from "./dom.js";
import { storageText } from "./format.js";

/** @typedef {import("./server.js").FileManager} FileManager */
/** @typedef {{name: string, available: boolean, reason?: string}} DemoStorage */

const OWN_STORAGES = /** @type {Record<string, string>} */ ({ file: "This server's own disk", memory: "This server's memory" });

/** The storages that the host page says something about; none when it says nothing. @returns {DemoStorage[]} */
export function demoStorages() {
  return JSON.parse(document.getElementById("demo-storages")?.textContent ?? "[]");
}

/** A radio for each file manager, and a greyed one with its reason for each storage that does not run. */
export class StorageChooser {
  #managers;
  #group;

  /** @param {HTMLElement} group @param {FileManager[]} managers @param {DemoStorage[]} demo @param {string} username  who finds the last choice again */
  constructor(group, managers, demo, username) {
    this.#group = group;
    const stopped = new Map(demo.filter(({ available }) => !available).map((storage) => [storage.name, storage]));
    this.#managers = managers.filter(({ name }) => !stopped.has(name)).sort((a, b) => Number(b.isDefault) - Number(a.isDefault));
    const key = `fileman-storage-${username}`;
    const last = remembered(key);
    const chosen = this.#managers.find(({ id }) => id === last) ?? this.#managers[0];
    group.replaceChildren(
      ...this.#managers.map((manager) => card(manager.name, wayTo(manager), manager.id, manager === chosen)),
      ...Array.from(stopped.values(), ({ name, reason }) => card(name, reason || "Not running")),
    );
    group.addEventListener("change", () => localStorage.setItem(key, this.chosen?.id ?? ""));
  }

  /** Null when there is none to upload to. @returns {FileManager | null} */
  get chosen() {
    const radio = this.#group.querySelector("input:checked");
    const id = radio instanceof HTMLInputElement ? radio.value : "";
    return this.#managers.find((manager) => manager.id === id) ?? null;
  }
}

/** Reading the property throws where the browser blocks storage. @param {string} key */
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Which way the bytes go. @param {FileManager} manager */
function wayTo({ backendType, supportsDirectUpload }) {
  return OWN_STORAGES[backendType] ?? (supportsDirectUpload ? "Direct upload" : "Through this server");
}

/** @param {string} name @param {string} note @param {string} [value]  absent: it cannot be chosen @param {boolean} [checked] */
function card(name, note, value, checked = false) {
  const [plain, own] = storageText(name);
  const radio = element("input", { type: "radio", name: "storage", value: value ?? "", checked, disabled: value === undefined });
  return element("label", { class: "storage" }, radio, element("span", {}, element("strong", {}, plain), element("small", {}, value && own ? own : note)));
}
