import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENTS } from "../documents.js";

for (const [name, document] of Object.entries(DOCUMENTS)) {
  test(`${name} has no alias and names no type but its input, because a host may have renamed the others`, () => {
    assert.doesNotMatch(document.replace(/\([^)]*\)/g, ""), /:|\.\.\.|fragment/);
    assert.deepEqual(document.match(/(?<=: )\w+!/g), [`${name[0].toUpperCase()}${name.slice(1)}Input!`]);
  });
}
