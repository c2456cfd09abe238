const HIDDEN = "•••";
/** Signed values in a path are longer than any name or id the server makes. */
const LONGEST_PLAIN_SEGMENT = 60;
const SECRET_KEY = /token|signature|credential|policy|secret|idempotency/i;
const PLAIN_VALUE = /^(key|content-type|x-ms-blob-type|success_action_status|x-amz-algorithm|x-amz-date|x-amz-server-side-encryption)$/i;

/** Without the query string, and without long path segments: both may sign. @param {string} url */
export function redactUrl(url) {
  const { origin, pathname, search } = new URL(url, "http://localhost");
  const path = pathname.split("/").map((segment) => (segment.length > LONGEST_PLAIN_SEGMENT ? HIDDEN : segment));
  return `${url.startsWith("/") ? "" : origin}${path.join("/")}${search ? `?${HIDDEN}` : ""}`;
}

/** A copy fit to be shown: tokens, signatures and query strings are gone. @param {unknown} value @param {string} [key]  under which it stands @returns {unknown} */
export function redact(value, key = "") {
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (value !== null && typeof value === "object") return redactObject(/** @type {Record<string, unknown>} */ (value), key);
  if (typeof value !== "string") return value;
  if (SECRET_KEY.test(key)) return HIDDEN;
  return /^(https?:\/)?\//.test(value) ? redactUrl(value) : value;
}

/** @param {Record<string, unknown>} object @param {string} key */
function redactObject(object, key) {
  const named = key === "headers" || key === "fields";
  if (named && !PLAIN_VALUE.test(String(object.name))) return { ...object, value: HIDDEN };
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, redact(value, name)]));
}
