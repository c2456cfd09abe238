import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENTS } from "../documents.js";

/** Nesting with every fragment spread in place, as the server counts it. */
function depthOf(document) {
  const fragments = Object.fromEntries([...document.matchAll(/fragment (\w+) on \w+ {/g)].map((match) => [match[1], deepest(document.slice(match.index))]));
  let depth = 0;
  let most = 0;
  for (const [token, name] of document.split("fragment ")[0].matchAll(/\.\.\.(\w+)|[{}](?![^(]*\))/g)) {
    if (name) most = Math.max(most, depth + fragments[name] - 1);
    else depth += token === "{" ? 1 : -1;
    most = Math.max(most, depth);
  }
  return most;
}

function deepest(text) {
  let depth = 0;
  let most = 0;
  for (const brace of text.match(/[{}]/g)) {
    depth += brace === "{" ? 1 : -1;
    most = Math.max(most, depth);
    if (depth === 0) return most;
  }
  return most;
}

for (const [name, document] of Object.entries(DOCUMENTS)) {
  test(`${name} stays within the API's limits: depth 10, no alias, 2000 tokens`, () => {
    assert.ok(depthOf(document) <= 6, `depth ${depthOf(document)}`);
    assert.doesNotMatch(document.replace(/\([^)]*\)/g, ""), /:/);
    assert.ok(document.match(/\w+|[^\s\w]/g).length < 200);
  });

  test(`${name} defines the fragments that it spreads, and no others`, () => {
    const spread = new Set([...document.matchAll(/\.\.\.(\w+)/g)].map((match) => match[1]));
    const defined = new Set([...document.matchAll(/fragment (\w+)/g)].map((match) => match[1]));
    assert.deepEqual(defined, spread);
  });
}
