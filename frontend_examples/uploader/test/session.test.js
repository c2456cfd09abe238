import assert from "node:assert/strict";
import { test } from "node:test";
import { FileUploader } from "../file-uploader.js";
import { keyOf } from "../memory.js";
import { turns } from "./at-once.js";
import { failure, FakeServer, file, MemoryStorage, remembered } from "./fake-server.js";

const UPLOAD = { success: true, errors: [], file: { id: "file-1", fileSize: 10 } };

/** A site whose page has an old token: fetch answers for one user, who may be another than before. */
function siteOf(t, { isSameUser = true, status = 403, code = "CSRF_FAILED" } = {}) {
  const site = { server: new FakeServer(), token: "old", renewals: 0 };
  t.mock.method(globalThis, "fetch", async (url, { headers = {}, body } = {}) => {
    if (url === "/fileman/csrf/") return site.renewals++, Response.json({ csrfToken: site.token });
    const sent = headers["X-CSRFToken"] ?? headers.Authorization;
    if (sent !== site.token) return Response.json({ errors: [{ message: "No.", extensions: { code } }] }, { status });
    const { query, variables } = JSON.parse(body);
    if (!isSameUser && site.token === "new" && variables.input.uploadToken) return Response.json({ data: { [query.match(/{ (\w+)/)[1]]: { success: false, errors: [{ code: "NOT_FOUND", message: "File not found." }] } } });
    return Response.json({ data: await site.server.request(query, variables) });
  });
  return site;
}

test("a new token is fetched once where the old one is refused, and the upload goes on", async (t) => {
  const site = siteOf(t);
  const uploader = new FileUploader({ csrfToken: "old", send: site.server.send, storage: null });
  await uploader.uploadFiles([file()]);
  site.token = "new";
  const [{ status }] = await uploader.uploadFiles([file("b.txt")]);
  assert.deepEqual([status, site.renewals > 0], ["completed", true]);
});

test("nothing is uploaded for another user, who signed in meanwhile", async (t) => {
  const site = siteOf(t, { isSameUser: false });
  const uploader = new FileUploader({ csrfToken: "old", send: site.server.send, storage: new MemoryStorage([[keyOf(file("b.txt"), {}), remembered("token-1")]]) });
  await uploader.uploadFiles([file()]);
  site.token = "new";
  for (const name of ["b.txt", "c.txt"]) await assert.rejects(uploader.uploadFiles([file(name)]), { code: "CSRF_FAILED" });
  assert.equal(site.server.uploads.size, 1);
});

test("a page that has uploaded nothing cannot know the user, so a refused token stays refused", async (t) => {
  const site = siteOf(t);
  site.token = "new";
  await assert.rejects(new FileUploader("old").uploadFiles([file()]), { code: "CSRF_FAILED" });
  assert.equal(site.server.uploads.size, 0);
});

test("headers and tokens may be functions, asked again after a 401", async (t) => {
  const site = siteOf(t, { status: 401, code: undefined });
  site.token = "Bearer 2";
  let asked = 0;
  const uploader = new FileUploader({ headers: async () => ({ Authorization: `Bearer ${++asked}` }), csrfToken: async () => "", storage: null });
  site.server.uploads.set("token-1", { size: 10, parts: new Map([[1, Buffer.from("0123456789")]]), status: "PENDING" });
  const { success } = await uploader.finalizeUpload("token-1", file());
  assert.deepEqual([success, asked], [true, 2]);
});

test("without AbortSignal.any and timeout a call is given up after its time all the same", async (t) => {
  const { any, timeout } = AbortSignal;
  t.after(() => Object.assign(AbortSignal, { any, timeout }));
  Object.assign(AbortSignal, { any: undefined, timeout: undefined });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hanging = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new DOMException("", "AbortError"))));
  const fetched = t.mock.method(globalThis, "fetch", async () => Response.json({ data: { finalizeUpload: UPLOAD } }));
  fetched.mock.mockImplementationOnce(hanging);
  const finalized = new FileUploader("t").finalizeUpload("token-1", file());
  for (const milliseconds of [45_000, 0]) {
    await turns();
    t.mock.timers.tick(milliseconds);
  }
  assert.equal((await finalized).file.id, "file-1");
});

test("an upload that only lacks its finalize is listed, and finishes without its file", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  const open = () => server.uploader({ storage });
  server.refuse = (name) => (name === "finalizeUpload" ? failure("STORAGE_UNAVAILABLE", "Later.") : null);
  await open().uploadFiles([file()]);
  const [{ fileId, filename, fileSize, isStored }] = open().unfinished();
  assert.deepEqual([fileId, filename, fileSize, isStored], ["file-1", "a.txt", 10, true]);
  server.refuse = () => null;
  assert.deepEqual((await open().finishStored()).map(({ id, uploadStatus }) => [id, uploadStatus]), [["file-1", "COMPLETED"]]);
  assert.deepEqual(open().unfinished(), []);
});

test("what is remembered expires, and goes at sign-out with nothing else", () => {
  const storage = new MemoryStorage([
    ["theme", "dark"],
    ["fileman:old", remembered("token-1", { expiresAt: "2020-01-01T00:00:00Z" })],
    ["fileman:of another version", "token-2"],
    ["fileman:new", remembered("token-3")],
  ]);
  const uploader = new FileUploader({ storage });
  assert.deepEqual(uploader.unfinished().map(({ uploadToken }) => uploadToken), ["token-3"]);
  assert.deepEqual([...storage.keys()], ["theme", "fileman:new"]);
  uploader.forgetUnfinished();
  assert.deepEqual([...storage.keys()], ["theme"]);
});

test("each file has metadata of its own, and the path in its folder", async () => {
  const server = new FakeServer();
  const nested = Object.defineProperty(file(), "webkitRelativePath", { value: "photos/a.txt" });
  await server.uploader().uploadFiles([file("b.txt"), nested], { metadata: ({ name }) => ({ caption: name }) });
  const { files, metadata } = server.calls[0].input;
  assert.deepEqual(files.map((each) => each.metadata), [{ caption: "b.txt" }, { relativePath: "photos/a.txt", caption: "a.txt" }]);
  assert.equal(metadata, undefined);
});
