import assert from "node:assert/strict";
import { test } from "node:test";
import { turns } from "./at-once.js";
import { failure, FakeServer, file, MemoryStorage } from "./fake-server.js";

const partsOf = ({ sent }) => sent.map(({ partNumber }) => partNumber);
const refusing = (server, refusal) => (name) => (name === "finalizeUpload" ? refusal(server.inputs(name).length) : null);

function begin(server, storage = null) {
  const uploading = { records: [] };
  const onUpload = (upload) => {
    uploading.handle = upload;
    upload.addEventListener("debug", ({ detail }) => uploading.records.push(detail));
  };
  uploading.result = server.uploader({ storage }).uploadFiles([file()], { onUpload }).then(([result]) => result);
  return uploading;
}

for (const [what, shape, names, parts, running] of [
  ["parts go out in parallel up to the server's limit, window after window", { partSize: 1, window: 4, maxConcurrency: 3 }, ["initiateUpload", "refreshUpload", "refreshUpload", "finalizeUpload"], 10, 3],
  ["ordered requests go out one after another", { partSize: 2, ordered: true }, ["initiateUpload", "finalizeUpload"], 5, 1],
]) {
  test(what, async () => {
    const server = new FakeServer(shape);
    assert.equal((await begin(server).result).status, "completed");
    assert.deepEqual([server.text(), server.mostRunning, server.names()], ["0123456789", running, names]);
    assert.deepEqual(partsOf(server).toSorted((a, b) => a - b), Array.from({ length: parts }, (_, index) => index + 1));
  });
}

test("any status outside successStatus asks for fresh requests and sends only what is missing", async () => {
  for (const status of [403, 404, 408, 429, 503]) {
    const server = new FakeServer({ partSize: 5 });
    const answers = [status];
    server.fault = async ({ partNumber }) => (partNumber === 2 ? answers.pop() : undefined);
    assert.equal((await begin(server).result).error, null, `status ${status}`);
    assert.deepEqual([partsOf(server), server.names()], [[1, 2, 2], ["initiateUpload", "refreshUpload", "finalizeUpload"]]);
  }
});

for (const [what, first, later, code] of [
  ["five tries more without progress end the upload with the storage's last answer", 503, 503, "STORAGE_REFUSED"],
  ["a storage that says yes and keeps nothing does not hold the upload for ever", 200, 200, "NO_PROGRESS"],
  ["nor does one that refuses first", 503, 200, "NO_PROGRESS"],
]) {
  test(what, async () => {
    const server = new FakeServer();
    server.fault = async () => (server.sent.length === 1 ? first : later);
    const { error } = await begin(server).result;
    assert.deepEqual([error.code, error.retryable, server.sent.length, server.calls.length], [code, true, 6, 7]);
  });
}

test("a refresh with progress starts the count anew", async () => {
  const server = new FakeServer({ partSize: 5, maxConcurrency: 1 });
  const answers = { 1: [503, 503, 503, 503], 2: [503, 503, 503, 503] };
  server.fault = async ({ partNumber }) => answers[partNumber].pop();
  assert.equal((await begin(server).result).error, null);
  assert.equal(server.text(), "0123456789");
});

test("finalize may send the client back to the parts that the storage lost", async () => {
  const server = new FakeServer({ partSize: 5 });
  server.refuse = refusing(server, (count) => void (count === 1 && server.uploads.get("token-1").parts.delete(1)));
  assert.equal((await begin(server).result).file.uploadStatus, "COMPLETED");
  assert.deepEqual(partsOf(server), [1, 2, 1]);
});

test("UPLOAD_IN_PROGRESS is waited out for as long as the server says, however often", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new FakeServer();
  server.refuse = refusing(server, (count) => (count < 9 ? failure("UPLOAD_IN_PROGRESS", "Wait.", { retryable: true, retryAfterSeconds: 2 }) : null));
  const { result } = begin(server);
  for (let second = 0; second < 16; second++) {
    await new Promise(setImmediate);
    t.mock.timers.tick(1000);
  }
  assert.equal((await result).error, null);
  assert.equal(server.inputs("finalizeUpload").length, 9);
});

test("a rate is waited out for as long as the server says; what takes an hour is told at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new FakeServer();
  server.refuse = refusing(server, (count) => failure("RATE_LIMITED", "Later.", { retryable: true, retryAfterSeconds: count === 1 ? 60 : 3600 }));
  const { result } = begin(server);
  for (const [milliseconds, calls] of [[0, 1], [59_999, 1], [1, 2]]) {
    t.mock.timers.tick(milliseconds);
    await turns();
    assert.equal(server.inputs("finalizeUpload").length, calls);
  }
  assert.equal((await result).error.retryAfterSeconds, 3600);
});

test("a refusal that is not retryable is final at the first answer", async () => {
  const server = new FakeServer();
  server.refuse = refusing(server, () => failure("CHECKSUM_MISMATCH", "Not the same bytes."));
  const { status, file: stored, error } = await begin(server).result;
  assert.deepEqual([status, stored, error.code, server.inputs("finalizeUpload").length], ["failed", null, "CHECKSUM_MISMATCH", 1]);
});

test("a soft pause lets running parts finish, sends none twice and goes on where it stopped", async () => {
  const server = new FakeServer({ partSize: 2, maxConcurrency: 2 });
  server.fault = async ({ partNumber }) => void (partNumber === 2 && handle.pause());
  const { handle, result } = begin(server);
  await turns();
  assert.deepEqual([handle.state, server.running, partsOf(server)], ["paused", 0, [1, 2]]);
  handle.resume();
  assert.equal((await result).error, null);
  assert.deepEqual(partsOf(server), [1, 2, 3, 4, 5]);
});

test("a pause stops a single request at once; resume asks what the storage holds", async () => {
  const server = new FakeServer();
  server.fault = () => (server.sent.length === 1 ? new Promise(() => handle.pause()) : undefined);
  const { handle, result } = begin(server);
  await turns();
  assert.deepEqual([handle.state, server.running], ["paused", 0]);
  handle.resume();
  assert.equal((await result).error, null);
  assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "finalizeUpload"]);
});

test("cancel stops the requests, tells the server and forgets the file", async () => {
  const server = new FakeServer({ partSize: 1 });
  const storage = new MemoryStorage();
  server.fault = () => new Promise(() => {});
  const { handle, result } = begin(server, storage);
  await turns();
  assert.equal(storage.size, 1);
  await handle.cancel();
  const { status, error } = await result;
  assert.deepEqual([status, error.code, handle.state, server.running, storage.size], ["cancelled", "CANCELLED", "cancelled", 0, 0]);
  assert.deepEqual(server.calls.at(-1), { name: "abortUpload", input: { uploadToken: "token-1" } });
});

test("a cancel while the server is still reserving aborts what it reserved", async () => {
  const server = new FakeServer();
  server.refuse = (name) => void (name === "initiateUpload" && handle.cancel());
  const { handle, result } = begin(server);
  assert.equal((await result).status, "cancelled");
  await turns();
  assert.deepEqual([server.names(), server.sent], [["initiateUpload", "abortUpload"], []]);
});

test("every request is told, with what was asked and answered", async () => {
  const { records, result } = begin(new FakeServer());
  await result;
  assert.deepEqual(records.map(({ kind, name, error, status }) => [kind, name, error, status]), [
    ["graphql", "initiateUpload", null, undefined],
    ["storage", "PUT", null, 200],
    ["graphql", "finalizeUpload", null, undefined],
  ]);
});
