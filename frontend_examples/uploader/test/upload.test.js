import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FileUploader } from "../file-uploader.js";
import { failure, FakeServer, file, MemoryStorage } from "./fake-server.js";

const { random } = Math;
beforeEach(() => (Math.random = () => 0));
test.after(() => (Math.random = random));

function uploaderOf(server, storage = new MemoryStorage()) {
  return new FileUploader({ request: server.request, send: server.send, storage, patienceSeconds: 0 });
}

async function uploadOne(server, options = {}, chosen = file()) {
  const [result] = await uploaderOf(server).uploadFiles([chosen], options);
  return result;
}

test("parts go out in parallel up to the server's limit, window after window", async () => {
  const server = new FakeServer({ partSize: 1, window: 4, maxConcurrency: 3 });
  assert.equal((await uploadOne(server)).error, null);
  assert.equal(server.text(), "0123456789");
  assert.equal(server.mostRunning, 3);
  assert.equal(server.sent.length, 10);
  assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "refreshUpload", "finalizeUpload"]);
});

test("ordered requests go out one after another", async () => {
  const server = new FakeServer({ partSize: 2, ordered: true });
  await uploadOne(server);
  assert.equal(server.mostRunning, 1);
  assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2, 3, 4, 5]);
});

test("any status outside successStatus asks for fresh requests and sends only what is missing", async () => {
  for (const status of [403, 404, 408, 429, 503]) {
    const server = new FakeServer({ partSize: 5 });
    const answers = [status];
    server.fault = async ({ partNumber }) => (partNumber === 2 ? answers.pop() : undefined);
    assert.equal((await uploadOne(server)).error, null, `status ${status}`);
    assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2, 2]);
    assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "finalizeUpload"]);
  }
});

test("five tries more without progress end the upload with the storage's last answer", async () => {
  const server = new FakeServer();
  server.fault = async () => 503;
  const { error } = await uploadOne(server);
  assert.equal(error.code, "STORAGE_REFUSED");
  assert.equal(error.retryable, true);
  assert.deepEqual(server.names(), ["initiateUpload", ...Array(6).fill("refreshUpload")]);
  assert.equal(server.sent.length, 6);
});

test("a refresh with progress starts the count anew", async () => {
  const server = new FakeServer({ partSize: 5 });
  const answers = { 1: [503, 503, 503, 503], 2: [503, 503, 503, 503] };
  server.fault = async ({ partNumber }) => answers[partNumber].pop();
  server.maxConcurrency = 1;
  assert.equal((await uploadOne(server)).error, null);
  assert.equal(server.text(), "0123456789");
});

test("a storage that says yes and keeps nothing does not hold the upload for ever", async () => {
  const server = new FakeServer();
  server.fault = async () => 200;
  const { error } = await uploadOne(server);
  assert.equal(error.code, "NO_PROGRESS");
  assert.equal(server.sent.length, 6);

  const answers = [503];
  server.fault = async () => answers.pop() ?? 200;
  assert.equal((await uploadOne(server)).error.code, "NO_PROGRESS");
});

test("finalize may send the client back to the parts that the storage lost", async () => {
  const server = new FakeServer({ partSize: 5 });
  const { finalizeUpload } = FakeServer.prototype;
  server.finalizeUpload = (input) => {
    server.uploads.get(input.uploadToken).parts.delete(1);
    server.finalizeUpload = finalizeUpload;
    return server.finalizeUpload(input);
  };
  assert.equal((await uploadOne(server)).file.uploadStatus, "COMPLETED");
  assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2, 1]);
});

test("UPLOAD_IN_PROGRESS is waited out for as long as the server says, however often", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new FakeServer();
  let left = 8;
  server.refuse = (name) => (name === "finalizeUpload" && left-- > 0 ? failure("UPLOAD_IN_PROGRESS", "Wait.", { retryable: true, retryAfterSeconds: 2 }) : null);
  const uploading = uploadOne(server);
  for (let second = 0; second < 16; second++) {
    await new Promise(setImmediate);
    t.mock.timers.tick(1000);
  }
  assert.equal((await uploading).error, null);
  assert.equal(server.names().filter((name) => name === "finalizeUpload").length, 9);
});

test("a rate is waited out for as long as the server says; what takes an hour is told at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new FakeServer();
  const pauses = [60, 3600];
  server.refuse = (name) => (name === "finalizeUpload" ? failure("RATE_LIMITED", "Later.", { retryable: true, retryAfterSeconds: pauses.shift() }) : null);
  const uploading = uploadOne(server);
  for (const [milliseconds, calls] of [[0, 1], [59_999, 1], [1, 2]]) {
    t.mock.timers.tick(milliseconds);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(server.names().filter((name) => name === "finalizeUpload").length, calls);
  }
  assert.equal((await uploading).error.retryAfterSeconds, 3600);
});

test("a refusal that is not retryable is final at the first answer", async () => {
  const server = new FakeServer();
  server.refuse = (name) => (name === "finalizeUpload" ? failure("CHECKSUM_MISMATCH", "Not the same bytes.") : null);
  const { file: stored, error } = await uploadOne(server);
  assert.equal(stored, null);
  assert.equal(error.code, "CHECKSUM_MISMATCH");
  assert.equal(server.names().filter((name) => name === "finalizeUpload").length, 1);
});

test("a soft pause lets running parts finish, sends none twice and goes on where it stopped", async () => {
  const server = new FakeServer({ partSize: 2, maxConcurrency: 2 });
  let handle;
  server.fault = async ({ partNumber }) => void (partNumber === 2 && handle.pause());
  const uploading = uploadOne(server, { onUpload: (upload) => (handle = upload) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(handle.state, "paused");
  assert.equal(server.running, 0);
  const before = server.sent.length;
  handle.resume();
  assert.equal((await uploading).error, null);
  assert.ok(before < 5);
  assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2, 3, 4, 5]);
});

test("a pause stops a single request at once; resume asks what the storage holds", async () => {
  const server = new FakeServer();
  let handle;
  server.fault = () => (server.sent.length === 1 ? new Promise(() => handle.pause()) : undefined);
  const uploading = uploadOne(server, { onUpload: (upload) => (handle = upload) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([handle.state, server.running], ["paused", 0]);
  handle.resume();
  assert.equal((await uploading).error, null);
  assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "finalizeUpload"]);
});

test("cancel stops the requests, tells the server and forgets the file", async () => {
  const server = new FakeServer({ partSize: 1 });
  const storage = new MemoryStorage();
  let handle;
  server.fault = () => new Promise(() => {});
  const uploading = uploaderOf(server, storage).uploadFiles([file()], { onUpload: (upload) => (handle = upload) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(storage.size, 1);
  await handle.cancel();
  const [{ error }] = await uploading;
  assert.deepEqual([error.code, handle.state, server.running], ["CANCELLED", "cancelled", 0]);
  assert.deepEqual(server.calls.at(-1), { name: "abortUpload", input: { uploadToken: "token-1" } });
  assert.equal(storage.size, 0);
});

test("a cancel while the server is still reserving aborts what it reserved", async () => {
  const server = new FakeServer();
  let handle;
  server.refuse = (name) => void (name === "initiateUpload" && handle.cancel());
  const { error } = await uploadOne(server, { onUpload: (upload) => (handle = upload) });
  await new Promise(setImmediate);
  assert.equal(error.code, "CANCELLED");
  assert.deepEqual(server.names(), ["initiateUpload", "abortUpload"]);
  assert.equal(server.sent.length, 0);
});

test("every request is told, with what was asked and answered", async () => {
  const records = [];
  const server = new FakeServer();
  await uploadOne(server, { onUpload: (upload) => upload.addEventListener("request", ({ detail }) => records.push(detail)) });
  assert.deepEqual(records.map(({ kind, name, error }) => [kind, name, error]), [
    ["graphql", "initiateUpload", null],
    ["storage", "PUT", null],
    ["graphql", "finalizeUpload", null],
  ]);
  assert.equal(records[1].status, 200);
});
