import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, extensionText, limitsText, nameText, progressText, secondsText, storageText } from "../../vanilla/format.js";
import { redact, redactUrl } from "../../vanilla/redact.js";

test("query strings and long path segments are taken out of addresses", () => {
  assert.equal(redactUrl("https://s3.test/bucket/uploads/a.pdf?X-Amz-Signature=abc"), "https://s3.test/bucket/uploads/a.pdf?•••");
  assert.equal(redactUrl(`/fileman/upload/${"s".repeat(90)}`), "/fileman/upload/•••");
});

test("no token, signature, credential or policy survives in what the details show", () => {
  const shown = JSON.stringify(
    redact({
      uploadToken: "SECRET",
      idempotencyKey: "SECRET",
      url: "https://s3.test/key?X-Amz-Signature=SECRET",
      permalink: "/fileman/download/1/",
      headers: [{ name: "Authorization", value: "SECRET" }, { name: "Content-Type", value: "text/plain" }],
      fields: [{ name: "policy", value: "SECRET" }, { name: "x-amz-signature", value: "SECRET" }, { name: "key", value: "uploads/a" }],
      errors: [{ message: "plain", field: null }],
    }),
  );
  assert.doesNotMatch(shown, /SECRET/);
  for (const plain of ["text/plain", "uploads/a", "plain", "/fileman/download/1/"]) assert.ok(shown.includes(plain), plain);
});

test("sizes and times are short and exact enough", () => {
  assert.deepEqual([0, 1, 1024, 1536, 20 * 1024 ** 2, 5 * 1024 ** 3].map(bytesText), ["0 bytes", "1 byte", "1 KB", "1.5 KB", "20 MB", "5 GB"]);
  assert.deepEqual([5, 90, 3700].map(secondsText), ["5 s", "2 min", "1 h 2 min"]);
  assert.deepEqual(["a.pdf", "README", "a.tar.gz", "x.verylong"].map(extensionText), ["PDF", "FILE", "GZ", "FILE"]);
});

test("a name cannot turn its own direction", () => {
  assert.equal(nameText("report\u202etxt.exe"), "report\ufffdtxt.exe");
});

test("what is in brackets of a storage's name is a note", () => {
  assert.deepEqual(["Amazon S3 (moto)", "Archive"].map(storageText), [["Amazon S3", "moto"], ["Archive", ""]]);
});

test("limits are told as a sentence, if a file may come near them", () => {
  const limits = { maxFileSize: 100 * 1024 ** 2, allowedExtensions: [".jpg", "png"], allowedMimeTypes: [] };
  assert.equal(limitsText(limits), "Up to 100 MB each. Types: JPG, PNG.");
  for (const maxFileSize of [0, 5 * 1024 ** 4]) assert.equal(limitsText({ ...limits, maxFileSize, allowedExtensions: [] }), "All types.");
});

test("progress names speed and time only while bytes flow", () => {
  const progress = { loadedBytes: 512, totalBytes: 2048, bytesPerSecond: 512, secondsLeft: 3, partsDone: 1, partsTotal: 4 };
  assert.equal(progressText(progress), "25 % · 512 bytes of 2 KB · 512 bytes/s · 3 s left · 1 of 4 parts");
  const waiting = { ...progress, bytesPerSecond: 0, secondsLeft: null, isWaiting: true };
  assert.equal(progressText(waiting), "25 % · 512 bytes of 2 KB · waiting for the network · 1 of 4 parts");
  assert.equal(progressText(progress, false), "25 % · 512 bytes of 2 KB · 1 of 4 parts");
});
