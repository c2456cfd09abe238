import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENTS } from "../documents.js";

function depthOf(document) {
  const depths = document.match(/[{}]/g).reduce(([...all], brace) => [...all, all.at(-1) + (brace === "{" ? 1 : -1)], [0]);
  return Math.max(...depths);
}

for (const [name, document] of Object.entries(DOCUMENTS)) {
  test(`${name} stays within the API's limits: depth 10, no alias, 2000 tokens`, () => {
    assert.ok(depthOf(document) <= 6, `depth ${depthOf(document)}`);
    assert.doesNotMatch(document.replace(/\([^)]*\)/g, ""), /:/);
    assert.ok(document.match(/\w+|[^\s\w]/g).length < 200);
  });

  test(`${name} names no type but its input, because a host may have renamed the others`, () => {
    assert.doesNotMatch(document, /\.\.\.|fragment/);
    assert.deepEqual(document.match(/(?<=: )\w+!/g), [`${name[0].toUpperCase()}${name.slice(1)}Input!`]);
  });
}
