import assert from "node:assert/strict";
import { test } from "node:test";
import { FileUploader } from "../file-uploader.js";
import { keyOf } from "../memory.js";
import { turns, until } from "./at-once.js";
import { failure, FakeServer, file, MemoryStorage, remembered } from "./fake-server.js";

const filesOf = (...names) => names.map((name) => file(name));
const numbered = (count) => Array.from({ length: count }, (_, index) => file(`${index}.txt`));
const namesOf = (results) => results.map(({ file: stored }) => stored?.originalFilename);
const refusing = (name, ...answers) => (called) => (called === name ? (answers.shift() ?? null) : null);

test("the constructor takes the CSRF token, and the default request sends it as JSON with the page's cookies", async (t) => {
  const fetched = t.mock.method(globalThis, "fetch", async () => Response.json({ data: { initiateUpload: { success: true, files: [], errors: [] } } }));
  await new FileUploader("token of the form").initiateUpload([file()]);
  const [url, { method, credentials = "same-origin", headers, body }] = fetched.mock.calls[0].arguments;
  assert.deepEqual([url, method, credentials], ["/graphql", "POST", "same-origin"]);
  assert.deepEqual(headers, {
    "Content-Type": "application/json",
    Accept: "application/graphql-response+json, application/json",
    "X-CSRFToken": "token of the form",
  });
  assert.deepEqual(Object.keys(JSON.parse(body)), ["query", "variables"]);
});

for (const [characters, keepalive] of [[10, true], [16_000, false]]) {
  test(`a finalize call with ${characters} characters of metadata ${keepalive ? "outlives" : "does not outlive"} its page`, async (t) => {
    const payload = { success: true, file: null, instructions: null, errors: [] };
    const fetched = t.mock.method(globalThis, "fetch", async () => Response.json({ data: { finalizeUpload: payload } }));
    await new FileUploader("t").finalizeUpload("token-1", file(), { metadata: { note: "x".repeat(characters) } });
    const [, options] = fetched.mock.calls[0].arguments;
    assert.deepEqual([options.keepalive, options.headers["X-CSRFToken"]], [keepalive, "t"]);
  });
}

test("a page that closes while finalize waits for its next try calls once more before it is gone", async (t) => {
  const page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  t.after(() => delete globalThis.addEventListener);
  const server = new FakeServer();
  server.refuse = refusing("finalizeUpload", failure("UPLOAD_IN_PROGRESS", "Later.", { retryable: true, retryAfterSeconds: 3600 }));
  const uploading = server.uploader().uploadFiles([file()]);
  await until(() => server.names().at(-1) === "finalizeUpload");
  page.dispatchEvent(new Event("pagehide"));
  for (let turn = 0; turn < 50; turn++) await null; // the page runs no further task, only what its promises go on with
  assert.deepEqual(server.names(), ["initiateUpload", "finalizeUpload", "finalizeUpload"]);
  assert.deepEqual([(await uploading)[0].status, server.keptAlive], ["completed", ["finalizeUpload", "finalizeUpload"]]);
});

test("results keep the order of the files when one in the middle is refused", async () => {
  const server = new FakeServer();
  server.fault = async ({ url }) => void (url.includes("token-1") && (await turns()));
  const results = await server.uploader().uploadFiles(filesOf("first.txt", "refused.exe", "last.txt"));
  assert.deepEqual(results.map(({ status, file: stored, error }) => [status, stored?.originalFilename, error?.code, error?.field]), [
    ["completed", "first.txt", undefined, undefined],
    ["failed", undefined, "EXTENSION_NOT_ALLOWED", ["files", "1"]],
    ["completed", "last.txt", undefined, undefined],
  ]);
});

test("options are passed through, with the name, type and size of each file", async () => {
  const server = new FakeServer();
  const options = { metadata: { source: "web_upload" }, fileManagerId: "m1", groupId: "g1", isPublic: true, atomic: true };
  const payload = await server.uploader().initiateUpload([file("a.txt"), file("b.txt", "xyz")], options);
  const { files, idempotencyKey, ...input } = JSON.parse(JSON.stringify(server.calls[0].input));
  assert.deepEqual(input, { metadata: { source: "web_upload" }, fileManagerId: "m1", groupId: "g1", atomic: true });
  assert.match(idempotencyKey, /^\d+-\d+-\d+-\d+$/);
  assert.deepEqual(files, [
    { filename: "a.txt", contentType: "text/plain", size: 10, isPublic: true },
    { filename: "b.txt", contentType: "text/plain", size: 3, isPublic: true },
  ]);
  assert.deepEqual(payload.files.map(({ uploadToken }) => uploadToken), ["token-1", "token-2"]);
});

test("uploadFile sends the bytes of a ticket and finalizes nothing; finalizeUpload checks the answer", async () => {
  const server = new FakeServer({ partSize: 4 });
  const uploader = server.uploader();
  const { files } = await uploader.initiateUpload([file()]);
  let handle;
  await uploader.uploadFile(file(), files[0], { onUpload: (upload) => (handle = upload) });
  assert.deepEqual([server.text(), server.names(), handle.progress.loadedBytes], ["0123456789", ["initiateUpload"], 10]);
  const { file: stored } = await uploader.finalizeUpload("token-1", file());
  assert.deepEqual([stored.uploadStatus, server.inputs("finalizeUpload")], ["COMPLETED", [{ uploadToken: "token-1", fileSize: 10 }]]);
  server.refuse = () => failure("SIZE_MISMATCH", "Another size.");
  await assert.rejects(uploader.finalizeUpload("token-1", file()), { name: "UploadError", code: "SIZE_MISMATCH" });
});

for (const [what, name, status, code] of [
  ["its ticket was refused for", "refused.exe", undefined, "EXTENSION_NOT_ALLOWED"],
  ["the storage refuses for good", "a.txt", 403, "STORAGE_REFUSED"],
]) {
  test(`uploadFile throws what ${what}`, async () => {
    const server = new FakeServer();
    server.fault = async () => status;
    const { files } = await server.uploader().initiateUpload([file(name)]);
    await assert.rejects(server.uploader().uploadFile(file(name), files[0]), { name: "UploadError", code });
  });
}

test("a signal ends each step at once with its reason, and the server is told nothing", async () => {
  const server = new FakeServer();
  const { files } = await server.uploader().initiateUpload([file()]);
  server.fault = () => new Promise(() => {});
  const silent = server.uploader({ request: (_, __, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) });
  for (const step of [
    (options) => server.uploader().uploadFile(file(), files[0], options),
    (options) => silent.initiateUpload([file()], options),
    (options) => silent.finalizeUpload("token-1", file(), options),
  ]) {
    const stop = new AbortController();
    const stepping = step({ signal: stop.signal });
    await turns();
    stop.abort(new Error("enough"));
    await assert.rejects(stepping, { message: "enough" });
  }
  assert.deepEqual([server.running, server.names()], [0, ["initiateUpload"]]);
});

for (const data of [undefined, null, {}, { initiateUpload: null }]) {
  test(`the answer ${JSON.stringify(data)}, as of a client that passes over errors, is no lost network`, async (t) => {
    const request = t.mock.fn(async () => data);
    await assert.rejects(new FileUploader({ request }).initiateUpload([file()]), { name: "UploadError", code: "GRAPHQL_ERROR", retryable: false });
    assert.equal(request.mock.callCount(), 1);
  });
}

test("a refused initiate rejects with the server's error", async () => {
  const server = new FakeServer();
  server.refuse = () => failure("UNAUTHENTICATED", "Sign in to upload.");
  const refusal = { name: "UploadError", code: "UNAUTHENTICATED", message: "Sign in to upload.", retryable: false };
  await assert.rejects(server.uploader().initiateUpload([file()]), refusal);
  await assert.rejects(server.uploader().uploadFiles(numbered(5)), refusal);
});

for (const [what, answer, code, calls, options] of [
  ["403", async () => Response.json({}, { status: 403 }), "HTTP_ERROR", 1],
  ["a GraphQL error", async () => Response.json({ errors: [{ message: "Unknown field" }] }, { status: 400 }), "GRAPHQL_ERROR", 1],
  ["500", async () => new Response("<h1>Server Error</h1>", { status: 500 }), "HTTP_ERROR", 6],
  ["a lost network", () => Promise.reject(new TypeError("Die Netzwerkverbindung wurde unterbrochen.")), "NETWORK_ERROR", 6],
  ["a connection that is lost half way", async () => new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("Load failed")) })), "NETWORK_ERROR", 6],
  ["a header that cannot be sent", fetch, "CLIENT_ERROR", 1, { headers: { Authorization: "Bearer 2\n3" } }],
  ["an endpoint that is no URL", fetch, "CLIENT_ERROR", 1, { endpoint: "https://site.test:graphql" }],
]) {
  test(`${what} from the API throws after ${calls} ${calls > 1 ? "tries" : "try"}`, async (t) => {
    const fetched = t.mock.method(globalThis, "fetch", answer);
    await assert.rejects(new FileUploader({ endpoint: "https://site.test/graphql", ...options }).initiateUpload([file()]), { name: "UploadError", code });
    assert.equal(fetched.mock.callCount(), calls);
  });
}

for (const [filesPerRequest, count, batches] of [[undefined, 51, [50, 1]], [2, 3, [2, 1]], [undefined, 0, []]]) {
  test(`${count} files are reserved ${filesPerRequest ?? "fifty"} at a time`, async () => {
    const server = new FakeServer();
    const chosen = numbered(count);
    assert.deepEqual(namesOf(await server.uploader().uploadFiles(chosen, { filesPerRequest })), chosen.map(({ name }) => name));
    assert.deepEqual(server.inputs("initiateUpload").map(({ files }) => files.length), batches);
  });
}

test("a later batch that is refused as a whole does not hide the first", async () => {
  const server = new FakeServer();
  server.refuse = (name, { files }) => (name === "initiateUpload" && files.length === 1 ? failure("RATE_LIMITED", "Later.") : null);
  const results = await server.uploader().uploadFiles(numbered(51));
  assert.equal(results.filter(({ status }) => status === "completed").length, 50);
  assert.equal(results[50].error.code, "RATE_LIMITED");
});

test("an unfinished upload of the same file is gone on with after a reload", async () => {
  const storage = new MemoryStorage();
  const server = new FakeServer({ partSize: 5, maxConcurrency: 1 });
  server.fault = async ({ partNumber }) => (partNumber === 2 ? 503 : undefined);
  await server.uploader({ storage }).uploadFiles([file()]);
  assert.deepEqual([...storage.keys()], [keyOf(file(), {})]);

  Object.assign(server, { fault: async () => undefined, calls: [], sent: [] });
  assert.deepEqual(namesOf(await server.uploader({ storage }).uploadFiles([file()])), ["a.txt"]);
  assert.deepEqual(server.names(), ["refreshUpload", "finalizeUpload"]);
  assert.deepEqual([server.sent.map(({ partNumber }) => partNumber), storage.size], [[2], 0]);
});

for (const [what, token, target, names, keeps] of [
  ["that the server no longer knows starts anew", "gone", { fileManagerId: "m1" }, ["refreshUpload", "initiateUpload", "finalizeUpload"], false],
  ["is neither gone on with nor forgotten for another manager", "token-1", { fileManagerId: "m2" }, ["initiateUpload", "finalizeUpload"], true],
  ["nor for another group", "token-1", { fileManagerId: "m1", groupId: "g1" }, ["initiateUpload", "finalizeUpload"], true],
]) {
  test(`a remembered upload ${what}`, async () => {
    const kept = [keyOf(file(), { fileManagerId: "m1" }), remembered(token)];
    const storage = new MemoryStorage([kept]);
    const server = new FakeServer();
    assert.deepEqual(namesOf(await server.uploader({ storage }).uploadFiles([file()], target)), ["a.txt"]);
    assert.deepEqual([server.names(), [...storage]], [names, keeps ? [kept] : []]);
  });
}

for (const [what, refusal, calls] of [
  ["whose session ended half-way is gone on with after the next sign-in", failure("UNAUTHENTICATED", "Sign in to upload."), 1],
  ["whose storage is away for a while is not forgotten", failure("STORAGE_UNAVAILABLE", "Later.", { retryable: true }), 6],
]) {
  test(`an upload ${what}`, async () => {
    const storage = new MemoryStorage();
    const server = new FakeServer({ partSize: 5, window: 1 });
    server.refuse = (name) => (name === "refreshUpload" ? refusal : null);
    const [{ error }] = await server.uploader({ storage }).uploadFiles([file()]);
    assert.deepEqual([error.code, server.inputs("refreshUpload").length], [refusal.errors[0].code, calls]);

    server.refuse = () => null;
    const [{ file: stored }] = await server.uploader({ storage }).uploadFiles([file()]);
    assert.deepEqual([stored.id, stored.uploadStatus, server.uploads.size], ["file-1", "COMPLETED", 1]);
    assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2]);
  });
}

test("the same file chosen again while it is on its way is one upload; equal files of one choice are never one", async () => {
  const server = new FakeServer();
  const uploader = server.uploader({ storage: new MemoryStorage() });
  const [first, second] = [file(), file()];
  const calls = [[first], [file()], [first, first], [file(), second], [file(), second, first], [second]].map((files) => uploader.uploadFiles(files));
  const ids = (await Promise.all(calls)).map((results) => results.map(({ file: stored }) => stored.id.at(-1)).join(""));
  assert.deepEqual(ids, ["1", "1", "11", "12", "321", "2"]);
});

for (const [what, known, choices, ids] of [
  ["one goes on with it and each other begins anew", 1, [[file(), file(), file()]], ["123"]],
  ["nor is it taken twice where it is on its way already", 1, [[file()], [file(), file()]], ["1", "12"]],
  ["each goes on with one, in their order", 2, [[file(), file(), file()]], ["123"]],
  ["one alone goes on with the first", 2, [[file()]], ["1"]],
]) {
  test(`of equal files of one choice, where ${known} of them is remembered, ${what}`, async () => {
    const storage = new MemoryStorage();
    const server = new FakeServer();
    server.fault = async () => 403;
    await server.uploader({ storage }).uploadFiles(Array.from({ length: known }, () => file()));
    server.fault = async () => undefined;
    const uploader = server.uploader({ storage });
    const results = await Promise.all(choices.map((files) => uploader.uploadFiles(files)));
    assert.deepEqual(results.map((each) => each.map(({ file: stored }) => stored.id.at(-1)).join("")), ids);
    assert.equal(uploader.unfinished().length, known - (ids.join("").includes(known) ? known : 1));
  });
}

const mistaken = ({ name, file = { name } }) => {
  if (file.name === "bad.txt") throw new Error("Oh.");
};
for (const what of ["onUpload", "metadata", "checksum"]) {
  test(`a mistake in ${what} fails its file alone; nothing of it is begun, and nothing stays queued`, async () => {
    const server = new FakeServer();
    const uploader = server.uploader({ filesAtOnce: 1 });
    const results = await uploader.uploadFiles(filesOf("bad.txt", "a.txt", "b.txt"), { [what]: mistaken });
    assert.deepEqual(results.map(({ status, error }) => [status, error?.code, error?.cause.message]), [["failed", "CLIENT_ERROR", "Oh."], ...Array(2).fill(["completed", undefined, undefined])]);
    assert.deepEqual([uploader.uploads.filter(({ ended }) => !ended), server.uploads.size], [[], 2]);
  });
}

test("a mistake in a function that is passed to a step is thrown as one", async () => {
  const uploader = new FakeServer().uploader();
  const { files } = await uploader.initiateUpload([file()]);
  await assert.rejects(uploader.initiateUpload(filesOf("bad.txt"), { metadata: mistaken }), { name: "UploadError", code: "CLIENT_ERROR" });
  await assert.rejects(uploader.uploadFile(file("bad.txt"), files[0], { onUpload: mistaken }), { name: "UploadError", code: "CLIENT_ERROR" });
});

test("a mistake in a call that chose a file again is told to that call, and the upload goes on for the other", async () => {
  const uploader = new FakeServer().uploader();
  const calls = [undefined, mistaken].map((onUpload) => uploader.uploadFiles([file("bad.txt")], { onUpload }));
  assert.deepEqual((await Promise.all(calls)).map(([{ status, file: stored, error }]) => [status, stored?.id, error?.code]), [["completed", "file-1", undefined], ["failed", undefined, "CLIENT_ERROR"]]);
});

test("an upload is resumed by the id of its file, with a file of that size only; a complete one has nothing left to do", async () => {
  const server = new FakeServer();
  const options = { resumeFileId: "file-1" };
  await server.uploader().initiateUpload([file()]);
  const [{ error }] = await server.uploader().uploadFiles([file("a.txt", "other")], options);
  assert.equal(error.code, "FILE_MISMATCH");
  for (const names of [["refreshUpload", "finalizeUpload"], ["refreshUpload"]]) {
    const storage = new MemoryStorage();
    server.calls = [];
    const [{ file: stored }] = await server.uploader({ storage }).uploadFiles([file()], options);
    assert.deepEqual([stored.id, stored.uploadStatus, server.names(), storage.size], ["file-1", "COMPLETED", names, 0]);
  }
});

test("a signal that aborts while the handles are handed over cancels them all", async () => {
  const server = new FakeServer();
  const stop = new AbortController();
  const results = await server.uploader().uploadFiles(numbered(2), { signal: stop.signal, onUpload: () => stop.abort() });
  assert.deepEqual([results.map(({ status }) => status), server.names()], [["cancelled", "cancelled"], []]);
});

test("an unfinished upload that is cancelled before its turn is aborted and forgotten", async () => {
  const storage = new MemoryStorage([[keyOf(file("b.txt"), {}), remembered("known")]]);
  const server = new FakeServer();
  server.fault = () => new Promise(() => {});
  const handles = [];
  server.uploader({ storage, filesAtOnce: 1 }).uploadFiles(filesOf("a.txt", "b.txt"), { onUpload: (upload) => handles.push(upload) });
  await turns();
  await handles[1].cancel();
  await turns();
  assert.deepEqual([server.inputs("abortUpload"), [...storage.keys()]], [[{ uploadToken: "known" }], [keyOf(file("a.txt"), {})]]);
  await handles[0].cancel();
});

test("a file that another tab is sending waits for it, and is not sent twice; an equal one of the same choice is sent at once", async (t) => {
  const held = new Map();
  const locks = {
    request: async (name, { signal }, whenHeld) => {
      while (held.has(name)) await Promise.race([held.get(name), new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))]);
      const holding = whenHeld();
      held.set(name, holding.finally(() => held.delete(name)));
      await holding;
    },
  };
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  t.after(() => delete globalThis.navigator);
  const storage = new MemoryStorage();
  const server = new FakeServer({ partSize: 5, maxConcurrency: 1 });
  let go;
  server.fault = ({ url }) => (url.endsWith("token-1/2") ? new Promise((resolve) => (go = resolve)) : undefined);
  const first = server.uploader({ storage }).uploadFiles([file()]);
  await until(() => go);
  const handles = [];
  const second = server.uploader({ storage }).uploadFiles([file(), file()], { onUpload: (upload) => handles.push(upload) });
  const third = server.uploader({ storage }).uploadFiles([file()], { onUpload: (upload) => void setImmediate(() => upload.cancel()) });
  await turns(40);
  assert.deepEqual([...handles.map(({ state }) => state), (await third)[0].status, server.sent.length], ["queued", "completed", "cancelled", 4]);
  go();
  assert.deepEqual([...(await first), ...(await second)].map(({ file: stored }) => stored.id), ["file-1", "file-1", "file-2"]);
  assert.deepEqual([server.sent.length, storage.size], [4, 0]);
});
