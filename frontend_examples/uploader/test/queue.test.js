import assert from "node:assert/strict";
import { test } from "node:test";
import { turns, until } from "./at-once.js";
import { FakeServer, file } from "./fake-server.js";

const files = (count) => Array.from({ length: count }, (_, index) => file(`${index}.txt`));

function begin(server, count, more = {}) {
  const handles = [];
  const uploader = server.uploader(more);
  const results = uploader.uploadFiles(files(count), { onUpload: (upload) => handles.push(upload) });
  return { uploader, handles, results, count: (wanted) => handles.filter(({ state }) => state === wanted).length };
}

for (const [total, paused] of [[60, 1], [10, 3]]) {
  test(`${paused} of ${total} files paused: the others finish, and it goes on later`, async () => {
    const server = new FakeServer();
    const { uploader, handles, results, count } = begin(server, total);
    handles.slice(0, paused).forEach((upload) => upload.pause());
    await until(() => count("completed") === total - paused);
    handles.forEach((upload) => upload.dispatchEvent(new Event("change")));
    await turns();
    assert.equal((await uploader.uploadFiles([file("late.txt")]))[0].status, "completed");
    handles.forEach((upload) => upload.resume());
    assert.deepEqual((await results).filter(({ error }) => error), []);
  });
}

test("a file paused on its way gives its place to the next", async () => {
  const server = new FakeServer();
  server.fault = ({ url }) => (url.includes("token-1/") && server.sent.length === 1 ? new Promise(() => {}) : undefined);
  const { handles, results, count } = begin(server, 2, { filesAtOnce: 1 });
  await until(() => server.running === 1);
  assert.deepEqual(handles.map(({ state }) => state), ["uploading", "queued"]);
  handles[0].pause();
  await until(() => count("completed") === 1);
  handles[0].resume();
  assert.deepEqual((await results).map(({ error }) => error), [null, null]);
});

test("a file that stands still or waits for its next try gives its place to the next", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { now } = performance;
  let passed = 0;
  t.mock.method(performance, "now", () => now.call(performance) + passed);
  const server = new FakeServer();
  server.fault = ({ url }) => (url.includes("token-1/") ? new Promise(() => {}) : undefined);
  const { handles, count } = begin(server, 2, { filesAtOnce: 1 });
  await until(() => server.running === 1);
  const before = handles[0].progress;
  assert.equal(handles[0].progress, before); // a read changes nothing
  passed = 10_000;
  t.mock.timers.tick(1000);
  assert.deepEqual([handles[0].progress.bytesPerSecond, handles[0].progress.isWaiting, before.isWaiting], [0, true, false]);
  await until(() => count("completed") === 1);
  await handles[0].cancel();
});

test("all files together send at most so many requests to one host", async () => {
  const server = new FakeServer({ partSize: 1 });
  server.fault = () => turns(1);
  await begin(server, 9).results;
  assert.equal(server.mostRunning, 4);
});

test("a cancelled file that waits for its place ends at once, and its reservation with it", async () => {
  const server = new FakeServer();
  server.fault = () => new Promise(() => {});
  const { handles, uploader } = begin(server, 2, { filesAtOnce: 1 });
  await until(() => server.running === 1);
  await handles[1].cancel();
  await handles[1].settled;
  assert.deepEqual(server.calls.at(-1), { name: "abortUpload", input: { uploadToken: "token-2" } });
  await uploader.cancelAll();
});

test("all can be paused and gone on with; to cancel them sends a few requests at once, and one for each file that was begun", async () => {
  const server = new FakeServer();
  const [telling, counts] = [new Set(), []];
  const request = async (...call) => {
    if (call[0].includes("abortUpload")) counts.push(telling.add(call).size);
    await new Promise(setImmediate);
    telling.delete(call);
    return server.request(...call);
  };
  server.fault = () => new Promise(() => {});
  const { uploader, results, count } = begin(server, 50, { request });
  await until(() => server.running === 3);
  uploader.pauseAll();
  assert.deepEqual([count("paused"), uploader.uploads.length], [50, 50]);
  uploader.resumeAll();
  await until(() => server.running === 3);
  await uploader.cancelAll();
  assert.deepEqual((await results).map(({ status }) => status), Array(50).fill("cancelled"));
  assert.deepEqual([Math.max(...counts), server.inputs("abortUpload").length, server.uploads.size], [4, 50, 0]);
});

test("a signal cancels all files of its call", async () => {
  const server = new FakeServer();
  server.fault = () => new Promise(() => {});
  const stop = new AbortController();
  const results = server.uploader().uploadFiles(files(5), { signal: stop.signal });
  await until(() => server.running === 3);
  stop.abort();
  assert.deepEqual((await results).map(({ error }) => error.code), Array(5).fill("CANCELLED"));
});

for (const [what, patienceSeconds, answers, code] of [
  ["an outage after its first bytes is outlasted", 300, Array(20).fill(503), undefined],
  ["an outage longer than the patience is told", 0, Array(20).fill(503), "STORAGE_REFUSED"],
  ["a refusal is told after five more tries, whatever the patience", 300, Array(20).fill(403), "STORAGE_REFUSED"],
]) {
  test(what, async () => {
    const server = new FakeServer({ partSize: 5, maxConcurrency: 1 });
    server.fault = async ({ partNumber }) => (partNumber === 2 ? answers.pop() : undefined);
    const [{ error }] = await begin(server, 1, { patienceSeconds }).results;
    assert.equal(error?.code, code);
  });
}

test("the finalize call of a file whose bytes are stored outlasts an outage of the server", async () => {
  const server = new FakeServer();
  server.refuse = (name) => {
    if (server.inputs("finalizeUpload").length < 20 && name === "finalizeUpload") throw Object.assign(new Error("Bad gateway"), { statusCode: 502 });
  };
  assert.equal((await begin(server, 1, { patienceSeconds: 300 }).results)[0].status, "completed");
});

test("overall progress never goes backwards, whatever ends how", async () => {
  const server = new FakeServer({ partSize: 2, maxConcurrency: 1 });
  server.fault = async ({ url }) => (/token-2\/3|token-5\/1/.test(url) ? 403 : undefined);
  const { uploader, handles, results } = begin(server, 8);
  const seen = [];
  const note = () => seen.push(uploader.progress.loadedBytes / uploader.progress.totalBytes);
  for (const upload of handles) upload.addEventListener("change", note);
  handles[6].cancel();
  await results;
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  assert.deepEqual([uploader.progress.loadedBytes, uploader.progress.totalBytes], [54, 54]);
});
