import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { register } from "node:module";
import { test } from "node:test";
import { checksumOf } from "../checksum.js";
import { Crc32c } from "../crc32c.js";
import { createSHA256 } from "../sha256-wasm.js";
import { turns, until } from "./at-once.js";
import { FakeServer, file } from "./fake-server.js";

for (const [chunks, hex] of [
  [[""], "00000000"],
  [["a"], "c1d04330"],
  [["123456789"], "e3069283"],
  [["1", "2345678", "", "9"], "e3069283"],
  [["\0".repeat(32)], "8a9136aa"],
]) {
  test(`CRC32C of ${JSON.stringify(chunks)} is ${hex}`, () => {
    const hash = new Crc32c();
    for (const chunk of chunks) hash.update(Buffer.from(chunk));
    assert.equal(hash.digest(), hex);
  });
}

test("SHA-256 of hash-wasm agrees with another implementation however the bytes are cut", async () => {
  for (const length of [0, 3, 64, 5_000_000]) {
    const bytes = randomBytes(length);
    const hash = await createSHA256();
    for (const part of [bytes.subarray(0, 67), bytes.subarray(67)]) hash.update(part);
    assert.equal(hash.digest(), createHash("sha256").update(bytes).digest("hex"), `length ${length}`);
  }
});

/** Workers that answer when they are told to. */
function workers() {
  const made = [];
  const createWorker = () => {
    const worker = { postMessage: (asked) => Object.assign(worker, { asked }), terminate: () => (worker.isOver = true) };
    made.push(worker);
    return worker;
  };
  return { made, createWorker };
}

test("a function may answer the checksum itself, or that none is wanted, and no worker is begun", async () => {
  const { made, createWorker } = workers();
  assert.equal(await checksumOf(file(), () => "sha256:00", { createWorker }), "sha256:00");
  assert.equal(await checksumOf(file(), async () => undefined, { createWorker }), undefined);
  assert.equal(made.length, 0);
});

test("a worker that cannot be loaded is told as such", async () => {
  const { made, createWorker } = workers();
  const computing = checksumOf(file(), "sha256", { createWorker });
  await until(() => made[0]?.asked);
  made[0].onerror();
  await assert.rejects(computing, { code: "CHECKSUM_UNAVAILABLE" });
});

test("checksums are computed beside the uploads, three at once, with progress, and declared twice", async () => {
  const server = new FakeServer();
  const { made, createWorker } = workers();
  const handles = [];
  const results = server.uploader({ createWorker, filesAtOnce: 1 }).uploadFiles(["a", "b", "c", "d"].map((name) => file(name)), {
    checksum: ({ name }) => (name === "d" ? "crc32c:00" : "crc32c"),
    onUpload: (upload) => handles.push(upload),
  });
  await until(() => made.length === 3);
  made[0].onmessage({ data: { bytes: 4 } });
  assert.deepEqual([handles[0].state, handles[0].progress.hashedBytes, handles[3].state], ["hashing", 4, "queued"]);
  for (const worker of made.slice(1)) worker.onmessage({ data: { hex: worker.asked.file.name } });
  await until(() => handles.filter(({ state }) => state === "completed").length === 3);
  assert.equal(handles[0].state, "hashing");
  made[0].onmessage({ data: { hex: "a" } });
  await results;
  const [declared, again] = [server.inputs("initiateUpload").flatMap(({ files }) => files), server.inputs("finalizeUpload")];
  assert.deepEqual(declared.map(({ checksum }) => checksum).sort(), ["crc32c:00", "crc32c:a", "crc32c:b", "crc32c:c"]);
  assert.deepEqual(again.map(({ checksum }) => checksum).sort(), ["crc32c:00", "crc32c:a", "crc32c:b", "crc32c:c"]);
});

test("a cancelled upload ends its worker", async () => {
  const { made, createWorker } = workers();
  const onUpload = (upload) => void until(() => made[0]?.asked).then(() => upload.cancel());
  const [{ status }] = await new FakeServer().uploader({ createWorker }).uploadFiles([file()], { checksum: "sha256", onUpload });
  await turns();
  assert.deepEqual([status, made[0].isOver], ["cancelled", true]);
});

test("a module that does not load is a lost network, whatever its loader says", async () => {
  register('data:text/javascript,export const resolve = (name, _, next) => { if (name.includes("checksum-client")) throw new Error("Loading chunk 7 failed."); return next(name); }');
  const [{ error }] = await new FakeServer().uploader().uploadFiles([file()], { checksum: "crc32c" });
  assert.deepEqual([error.code, error.retryable], ["NETWORK_ERROR", true]);
});
