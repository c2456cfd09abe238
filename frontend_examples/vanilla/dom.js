/**
 * An element with properties and children. Text is always text: nothing here parses markup.
 * @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag
 * @param {Record<string, unknown>} [properties]  `class`, `aria-…` and `data-…` become attributes, the rest properties
 * @param {...(Node | string)} children @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name.includes("-")) made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children);
  return made;
}

/** The element of the page with that id. @template {HTMLElement} Kind @param {string} id @param {new () => Kind} kind @returns {Kind} */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} with the id ${id}.`);
}

/** Sets the text only when it changes, so that selections and screen readers are left in peace. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
