import assert from "node:assert/strict";
import { test } from "node:test";
import { httpError, UploadError } from "../errors.js";
import { backoffSeconds, wait } from "../retry.js";

test("the wait doubles from half a second to thirty, and jitter takes any share of it", () => {
  const longest = [0, 1, 2, 3, 10].map((attempt) => backoffSeconds(attempt, () => 1));
  assert.deepEqual(longest, [0.5, 1, 2, 4, 30]);
  assert.equal(backoffSeconds(3, () => 0), 0);
  assert.equal(backoffSeconds(3, () => 0.25), 1);
});

test("a wait ends at once with the reason when it is aborted", async () => {
  const controller = new AbortController();
  const waiting = wait(3600, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, { message: "enough" });
});

for (const name of ["online", "visibilitychange", "pagehide"]) {
  test(`a wait ends at ${name}, and then listens no longer`, async (t) => {
    const added = new Map();
    globalThis.addEventListener = (event, done, { signal }) => added.set(event, { done, signal });
    t.after(() => delete globalThis.addEventListener);
    const waiting = wait(3600);
    added.get(name).done();
    await waiting;
    assert.deepEqual([...added].map(([event, { signal }]) => [event, signal.aborted]), [["online", true], ["visibilitychange", true], ["pagehide", true]]);
  });
}

test("an answer of the API is tried again where its status may pass", () => {
  const statuses = [400, 403, 404, 408, 413, 429, 500, 503];
  assert.deepEqual(statuses.filter((status) => httpError(status, null).retryable), [408, 429, 500, 503]);
});

test("Retry-After may be seconds or a date", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 9, 21, 7, 27, 30) });
  const waits = ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:00:00 GMT", "soon", null];
  assert.deepEqual(waits.map((value) => httpError(503, value).retryAfterSeconds), [7, 30, null, null, null]);
});

const lost = ["Failed to fetch", "NetworkError when attempting to fetch resource.", "Load failed", "fetch failed"].map((words) => new TypeError(words));
const inSafari = ["The request timed out.", "Es besteht anscheinend keine Verbindung zum Internet."].map((words) => Object.assign(new TypeError(words), { stack: undefined }));
for (const [cause, code, retryable] of [
  ...[...lost, ...inSafari].map((cause) => [cause, "NETWORK_ERROR", true]),
  [new DOMException("No answer.", "TimeoutError"), "NETWORK_ERROR", true],
  [new TypeError("fetcher is not a function"), "CLIENT_ERROR", false],
  [new TypeError("networkInfo is undefined"), "CLIENT_ERROR", false],
  [new ReferenceError("network is not defined"), "CLIENT_ERROR", false],
  [Object.assign(new Error("no"), { statusCode: 503 }), "HTTP_ERROR", true],
  [new Error("Cannot query field"), "GRAPHQL_ERROR", false],
]) {
  test(`${cause.name} "${cause.message}" is ${code}`, () => {
    const error = UploadError.from(cause);
    assert.deepEqual([error.code, error.retryable, error.cause], [code, retryable, cause]);
  });
}
