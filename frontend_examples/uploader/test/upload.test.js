import assert from "node:assert/strict";
import { test } from "node:test";
import { turns, until } from "./at-once.js";
import { failure, FakeServer, file, MemoryStorage } from "./fake-server.js";

const partsOf = ({ sent }) => sent.map(({ partNumber }) => partNumber);
const refusing = (server, refusal) => (name) => (name === "finalizeUpload" ? refusal(server.inputs(name).length) : null);

function begin(server, storage = null) {
  const uploading = {};
  const onUpload = (upload) => (uploading.handle = upload);
  uploading.result = server.uploader({ storage }).uploadFiles([file()], { onUpload }).then(([result]) => result);
  return uploading;
}

const TWO_PARTS = { partSize: 5, maxConcurrency: 1 };
const OUTAGE = Array(4).fill(503);

/** `statuses`: what the storage answers for a part before it keeps it. `calls`: the first letters of the mutations. */
for (const [what, shape, statuses, calls, parts, code] of [
  ["ordered requests go out one after another", { partSize: 2, ordered: true }, {}, "if", "12345"],
  ["status 403 asks for fresh requests, and only what is missing is sent", TWO_PARTS, { 2: [403] }, "irf", "122"],
  ["so do status 404 and 408", TWO_PARTS, { 2: [404, 408] }, "irrf", "1222"],
  ["and status 429 and 503", TWO_PARTS, { 2: [429, 503] }, "irrf", "1222"],
  ["five tries more without progress are enough", {}, { 1: Array(6).fill(503) }, "irrrrrr", "111111", "STORAGE_REFUSED"],
  ["progress starts the count anew", TWO_PARTS, { 1: [...OUTAGE], 2: [...OUTAGE] }, "irrrrrrrrf", "1111122222"],
  ["a storage that says yes and keeps nothing does not hold the upload for ever", {}, { 1: Array(6).fill(200) }, "iffffff", "111111", "NO_PROGRESS"],
  ["nor does one that refuses first", {}, { 1: [503, ...Array(5).fill(200)] }, "irfffff", "111111", "NO_PROGRESS"],
]) {
  test(what, async () => {
    const server = new FakeServer(shape);
    server.fault = ({ partNumber }) => statuses[partNumber]?.shift();
    const { status, error } = await begin(server).result;
    assert.deepEqual([status, error?.code, server.mostRunning], [code ? "failed" : "completed", code, 1]);
    assert.deepEqual([server.names().map(([letter]) => letter).join(""), partsOf(server).join("")], [calls, parts]);
    assert.equal(server.text(), code ? "" : "0123456789");
  });
}

test("finalize may send the client back to the parts that the storage lost", async () => {
  const server = new FakeServer(TWO_PARTS);
  server.refuse = refusing(server, (count) => void (count === 1 && server.uploads.get("token-1").parts.delete(1)));
  assert.equal((await begin(server).result).file.uploadStatus, "COMPLETED");
  assert.deepEqual(partsOf(server), [1, 2, 1]);
});

test("a refusal that is not retryable is final at the first answer", async () => {
  const server = new FakeServer();
  server.refuse = refusing(server, () => failure("CHECKSUM_MISMATCH", "Not the same bytes."));
  const { status, file: stored, error } = await begin(server).result;
  assert.deepEqual([status, stored, error.code, server.inputs("finalizeUpload").length], ["failed", null, "CHECKSUM_MISMATCH", 1]);
});

test("parts go out in parallel up to the server's limit, window after window", async () => {
  const server = new FakeServer({ partSize: 1, window: 4, maxConcurrency: 3 });
  assert.equal((await begin(server).result).status, "completed");
  assert.deepEqual([server.text(), server.mostRunning, server.sent.length], ["0123456789", 3, 10]);
  assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "refreshUpload", "finalizeUpload"]);
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

test("a pause between two tries starts their count anew", async () => {
  const server = new FakeServer();
  server.fault = async () => (server.sent.length <= 6 ? 503 : undefined);
  server.refuse = () => void (server.sent.length === 5 && handle.pause());
  const { handle, result } = begin(server);
  await until(() => handle.state === "paused").then(() => new Promise((resolve) => setTimeout(resolve, 50)));
  assert.deepEqual([handle.state, server.sent.length], ["paused", 5]);
  handle.resume();
  assert.deepEqual([(await result).status, server.sent.length], ["completed", 7]);
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

test("every request is told, with what was asked and answered for that file alone", async () => {
  const server = new FakeServer();
  const told = { "a.txt": [], "b.txt": [] };
  const onUpload = (upload) => upload.addEventListener("debug", ({ detail }) => told[upload.file.name].push(detail));
  await server.uploader().uploadFiles([file("a.txt"), file("b.txt")], { onUpload });
  for (const [name, records] of Object.entries(told)) {
    assert.deepEqual(records.map(({ kind, name, error, status }) => [kind, name, error, status]), [
      ["graphql", "initiateUpload", null, undefined],
      ["storage", "PUT", null, 200],
      ["graphql", "finalizeUpload", null, undefined],
    ]);
    const [{ input, reply }] = records;
    assert.deepEqual([input.files.map(({ filename }) => filename), reply.files.map(({ file }) => file.originalFilename)], [[name], [name]]);
  }
});
