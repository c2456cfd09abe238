import { byId, element } from "./dom.js";

/** @typedef {"Download" | "Pause" | "Resume" | "Retry" | "Choose again" | "Copy link" | "Make public" | "Make private" | "Details" | "Cancel" | "Discard" | "Remove" | "Delete"} Action */

/** The last ones are red. @type {Action[]} */
const ORDER = ["Retry", "Choose again", "Copy link", "Make public", "Make private", "Details", "Cancel", "Remove", "Discard", "Delete"];
/** @type {Record<string, (place: number, count: number) => number>} */
const MOVES = { ArrowDown: (place, count) => (place + 1) % count, ArrowUp: (place, count) => (place || count) - 1, Home: () => 0, End: (_, count) => count - 1 };

/** One for all rows. The browser opens and closes it, also for Escape and a click elsewhere, and gives the focus back. */
export const menu = byId("menu", HTMLElement);

menu.addEventListener("keydown", (event) => {
  const items = /** @type {HTMLElement[]} */ ([...menu.children]);
  const place = items.findIndex((item) => item === document.activeElement);
  if (event.key === "Tab") menu.hidePopover();
  if (!(event.key in MOVES)) return;
  event.preventDefault();
  items[MOVES[event.key](place, items.length)].focus();
});

/** It stays where it opened: if its row moves, an item must not slip away from under the pointer. */
menu.addEventListener("toggle", () => {
  menu.removeAttribute("style");
  if (!menu.matches(":popover-open")) return;
  const { left, top } = menu.getBoundingClientRect();
  menu.style.cssText = `position-area: none; position-try: none; margin: 0; left: ${left}px; top: ${top}px`;
});

/** For the row that is about to open it. @param {string} name @param {Action[]} actions @param {(action: Action) => void} onAction */
export function fillMenu(name, actions, onAction) {
  const offered = ORDER.filter((action) => actions.includes(action));
  const items = offered.map((action, index) => {
    const onclick = () => {
      menu.hidePopover();
      onAction(action);
    };
    return element("button", { type: "button", role: "menuitem", tabIndex: -1, autofocus: !index, onclick }, action);
  });
  items.forEach((item, index) => item.classList.toggle("danger", ORDER.indexOf(offered[index]) >= ORDER.indexOf("Discard")));
  menu.setAttribute("aria-label", name);
  menu.replaceChildren(...items);
}
