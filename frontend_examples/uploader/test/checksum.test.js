import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { checksumOf } from "../checksum.js";
import { Crc32c } from "../crc32c.js";
import { Sha256 } from "../sha256.js";

function hexOf(hash, ...chunks) {
  for (const chunk of chunks) hash.update(Buffer.from(chunk));
  return hash.hex();
}

for (const [text, hex] of [
  ["", "00000000"],
  ["a", "c1d04330"],
  ["123456789", "e3069283"],
  ["\0".repeat(32), "8a9136aa"],
]) {
  test(`CRC32C of ${JSON.stringify(text)} is ${hex}`, () => {
    assert.equal(hexOf(new Crc32c(), text), hex);
  });
}

test("CRC32C does not care how the bytes are cut", () => {
  assert.equal(hexOf(new Crc32c(), "1", "2345678", "", "9"), "e3069283");
});

test("SHA-256 of nothing and of abc are the published ones", () => {
  assert.equal(hexOf(new Sha256(), ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(hexOf(new Sha256(), "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("SHA-256 agrees with another implementation at every length around the block borders", () => {
  for (let length = 50; length < 200; length++) {
    const bytes = randomBytes(length);
    const cut = length % 67;
    const expected = createHash("sha256").update(bytes).digest("hex");
    assert.equal(hexOf(new Sha256(), bytes.subarray(0, cut), bytes.subarray(cut)), expected, `length ${length}`);
  }
});

test("a function may answer the checksum itself, or that none is wanted", async () => {
  const { signal } = new AbortController();
  assert.equal(await checksumOf(new File(["x"], "x"), () => "sha256:00", signal), "sha256:00");
  assert.equal(await checksumOf(new File(["x"], "x"), async () => undefined, signal), undefined);
});
