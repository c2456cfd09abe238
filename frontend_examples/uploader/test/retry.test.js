import assert from "node:assert/strict";
import { test } from "node:test";
import { httpError, UploadError } from "../errors.js";
import { backoffSeconds, inParallel, wait } from "../retry.js";

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
    const added = [];
    globalThis.addEventListener = (...listener) => added.push(listener);
    t.after(() => delete globalThis.addEventListener);
    const waiting = wait(3600);
    const [, done] = added.find(([event]) => event === name);
    done();
    await waiting;
    assert.deepEqual(added.map(([event, , { signal }]) => [event, signal.aborted]), [["online", true], ["visibilitychange", true], ["pagehide", true]]);
  });
}

test("at most that many tasks run at once, and every item has its turn", async () => {
  let running = 0;
  let most = 0;
  const done = [];
  await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    done.push(item);
    running--;
  });
  assert.equal(most, 2);
  assert.deepEqual(done, [1, 2, 3, 4, 5]);
});

for (const [status, retryable] of [[400, false], [403, false], [404, false], [408, true], [413, false], [429, true], [500, true], [503, true]]) {
  test(`an answer of the API with status ${status} is ${retryable ? "" : "not "}tried again`, () => {
    assert.equal(httpError(status, null).retryable, retryable);
  });
}

test("Retry-After may be seconds or a date", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 9, 21, 7, 27, 30) });
  const waits = ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:00:00 GMT", "soon", null];
  assert.deepEqual(waits.map((value) => httpError(503, value).retryAfterSeconds), [7, 30, null, null, null]);
});

test("errors of other GraphQL clients become upload errors", () => {
  for (const words of ["Failed to fetch", "NetworkError when attempting to fetch resource.", "Load failed", "fetch failed"]) {
    const lost = UploadError.from(new TypeError(words));
    assert.deepEqual([lost.code, lost.retryable], ["NETWORK_ERROR", true]);
  }
  for (const mistake of [new TypeError("fetcher is not a function"), new ReferenceError("x is not defined")]) {
    const { code, retryable, cause } = UploadError.from(mistake);
    assert.deepEqual([code, retryable, cause], ["CLIENT_ERROR", false, mistake]);
  }
  const unavailable = UploadError.from(Object.assign(new Error("no"), { statusCode: 503 }));
  assert.deepEqual([unavailable.code, unavailable.retryable], ["HTTP_ERROR", true]);
  const wrong = UploadError.from(new Error("Cannot query field"));
  assert.deepEqual([wrong.code, wrong.retryable, wrong.message], ["GRAPHQL_ERROR", false, "Cannot query field"]);
});
