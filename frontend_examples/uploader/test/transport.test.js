import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, sendRequest } from "../transport.js";
import { turns } from "./at-once.js";
import { file } from "./fake-server.js";

/** What the uploader uses of XMLHttpRequest, and nothing else: no credentials, no reading of the answer. */
class FakeXhr {
  static last;
  headers = {};
  upload = {};
  open = (method, url) => Object.assign((FakeXhr.last = this), { method, url });
  setRequestHeader = (name, value) => (this.headers[name] = value);
  send = (body) => (this.body = body);
  abort = () => this.onloadend();
  answer = (status) => Object.assign(this, { status }).onloadend();
}

globalThis.XMLHttpRequest = FakeXhr;

const PUT = { partNumber: 2, offset: 3, length: 4, method: "PUT", url: "https://storage.test/x?sig=1", headers: [{ name: "Content-Type", value: "text/plain" }], fields: [], fileField: null, successStatus: [200] };
const POST = { ...PUT, method: "POST", offset: 0, length: 10, headers: [], fields: [{ name: "key", value: "uploads/a" }, { name: "policy", value: "p" }], fileField: "file" };

function start(request, chosen = file()) {
  const controller = new AbortController();
  const progress = [];
  const sending = sendRequest(request, chosen, { signal: controller.signal, onProgress: (bytes) => progress.push(bytes) });
  return { sending, controller, progress, xhr: FakeXhr.last };
}

test("a form has the fields in order, then the slice under the file field, byte-exact", async () => {
  const [key, policy, [name, slice]] = [...bodyOf(POST, file()).entries()];
  assert.deepEqual([key, policy, name, slice.name, await slice.text()], [["key", "uploads/a"], ["policy", "p"], "file", "a.txt", "0123456789"]);
});

test("without fields the body is the raw slice and brings no type of its own; method, address and headers are the instruction's", async () => {
  const { sending, xhr } = start(PUT);
  xhr.answer(201);
  assert.deepEqual([await sending, await xhr.body.text(), xhr.body.type], [201, "3456", ""]);
  assert.deepEqual([xhr.method, xhr.url, xhr.headers, xhr.withCredentials], ["PUT", PUT.url, { "Content-Type": "text/plain" }, undefined]);
});

test("progress never tells more than the slice, whatever the form adds", async () => {
  const { sending, xhr, progress } = start(POST);
  for (const loaded of [6, 400]) xhr.upload.onprogress({ loaded });
  xhr.answer(204);
  await sending;
  assert.deepEqual(progress, [6, 10]);
});

const UNREADABLE = { name: "a", slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }) };
for (const [what, chosen, error] of [
  ["a lost connection is retryable and names both causes that a browser cannot tell apart", file(), { code: "NETWORK_ERROR", retryable: true, message: /network or CORS/ }],
  ["a file that can no longer be read is not tried again", UNREADABLE, { code: "FILE_CHANGED", retryable: false }],
]) {
  test(what, async () => {
    const { sending, xhr } = start(PUT, chosen);
    xhr.onloadend();
    await assert.rejects(sending, error);
  });
}

test("an abort ends the request with its reason", async () => {
  const { sending, controller } = start(PUT);
  controller.abort(new Error("paused"));
  await assert.rejects(sending, { message: "paused" });
});

for (const [what, act, lastsSeconds, message] of [
  ["that has not begun is left to the browser", () => {}, Infinity],
  ["whose bytes stop for a minute counts as lost", (xhr) => xhr.upload.onprogress({ loaded: 1 }), 60, "The connection to the storage was lost."],
  ["whose last byte is out has five minutes for its answer", (xhr) => (xhr.upload.onprogress({ loaded: 4 }), xhr.upload.onload()), 300],
]) {
  test(`a request ${what}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { sending, xhr } = start(PUT);
    act(xhr);
    let isOver = false;
    sending.catch(() => {}).finally(() => (isOver = true));
    t.mock.timers.tick(Math.min(lastsSeconds, 3600) * 1000 - 1);
    await turns();
    assert.equal(isOver, false);
    t.mock.timers.tick(1);
    if (lastsSeconds === Infinity) xhr.answer(200);
    else await assert.rejects(sending, { code: "NETWORK_ERROR", retryable: true, message: message ?? /lost/ });
  });
}
