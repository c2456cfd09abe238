import assert from "node:assert/strict";
import { test } from "node:test";
import { Meter } from "../progress.js";

const part = (partNumber, length = 10) => ({ partNumber, offset: (partNumber - 1) * 10, length });
const instructions = (numbers, hasMore = false) => ({ requests: numbers.map((number) => part(number)), hasMore, totalParts: 10 });
const one = (offset, length) => ({ requests: [{ partNumber: 1, offset, length }], hasMore: false, totalParts: 1 });

/** A meter that has begun, and a way to read it at a time. */
function meterOf(size, window) {
  const meter = new Meter(size);
  const read = (now) => (meter.update(now), meter.progress);
  read(0);
  meter.begin(window, 0);
  return { meter, read };
}

for (const [what, window, bytes, parts] of [
  ["what a last window does not ask for is held", instructions([2, 5]), 80, 8],
  ["beyond a window with more to come nothing is known to be held", instructions([2, 5], true), 30, 3],
  ["a session that goes on from an offset holds what is before it", one(70, 30), 70, 0],
]) {
  test(what, () => {
    const { loadedBytes, partsDone } = meterOf(100, window).read(0);
    assert.deepEqual([loadedBytes, partsDone], [bytes, parts]);
  });
}

test("progress adds held, finished and running bytes, never passes the size, and forgets a part that was given up", () => {
  const { meter, read } = meterOf(100, instructions([9, 10]));
  for (const [act, loadedBytes, partsDone] of [
    [() => meter.sent(part(9), 9), 89, 8],
    [() => meter.sent(part(9), 0), 80, 8],
    [() => meter.finished(part(9)), 90, 9],
    [() => meter.sent(part(10), 25), 100, 9],
  ]) {
    act();
    const progress = read(0);
    assert.deepEqual([progress.loadedBytes, progress.partsDone, progress.partsTotal], [loadedBytes, partsDone, 10]);
  }
});

test("speed and time left are those of the last four seconds", () => {
  const { meter, read } = meterOf(1000, one(0, 1000));
  for (const [sent, now, bytesPerSecond, secondsLeft] of [[0, 0, 0, null], [100, 1000, 100, 9], [500, 5000, 100, 5], [900, 9000, 100, 1]]) {
    meter.sent({ partNumber: 1 }, sent);
    const progress = read(now);
    assert.deepEqual([progress.bytesPerSecond, progress.secondsLeft], [bytesPerSecond, secondsLeft], `at ${now}`);
  }
});

test("what was held before does not count as speed", () => {
  const { meter, read } = meterOf(1000, one(900, 100));
  const { loadedBytes, bytesPerSecond } = read(100);
  assert.deepEqual([loadedBytes, bytesPerSecond], [900, 0]);
  meter.sent({ partNumber: 1 }, 10);
  assert.equal(read(1100).bytesPerSecond, 10);
});

test("the speed goes on from one window to the next", () => {
  const { meter, read } = meterOf(100, instructions([1], true));
  read(0);
  meter.finished(part(1));
  meter.begin(instructions([2], true));
  assert.equal(read(1000).bytesPerSecond, 10);
});

test("events are due at most ten times a second", () => {
  const meter = new Meter(1);
  assert.equal(Array.from({ length: 1000 }, (_, now) => meter.isDue(now)).filter(Boolean).length, 10);
});
