import assert from "node:assert/strict";
import { test } from "node:test";
import { heldBytes, heldParts, Meter } from "../progress.js";

const part = (partNumber, length = 10) => ({ partNumber, offset: (partNumber - 1) * 10, length });
const read = (meter, now) => {
  meter.update(now);
  return meter.progress;
};
const instructions = (numbers, hasMore = false) => ({ requests: numbers.map((number) => part(number)), hasMore, totalParts: 10 });

test("what a last window does not ask for is held", () => {
  assert.equal(heldBytes(instructions([2, 5]), 100), 80);
  assert.equal(heldParts(instructions([2, 5])), 8);
});

test("beyond a window with more to come nothing is known to be held", () => {
  assert.equal(heldBytes(instructions([2, 5], true), 100), 30);
  assert.equal(heldParts(instructions([2, 5], true)), 3);
});

test("a session that goes on from an offset holds what is before it", () => {
  assert.equal(heldBytes({ requests: [{ partNumber: 1, offset: 70, length: 30 }], hasMore: false }, 100), 70);
});

test("progress adds held, finished and running bytes, and never passes the size", () => {
  const meter = new Meter(100);
  meter.begin(instructions([9, 10]), 0);
  meter.sent(part(9), 4);
  assert.equal(read(meter, 0).loadedBytes, 84);
  meter.finished(part(9));
  meter.sent(part(10), 25);
  const { loadedBytes, partsDone, partsTotal } = read(meter, 0);
  assert.deepEqual([loadedBytes, partsDone, partsTotal], [100, 9, 10]);
});

test("a part that was given up no longer counts", () => {
  const meter = new Meter(100);
  meter.begin(instructions([9, 10]), 0);
  meter.sent(part(9), 9);
  meter.sent(part(9), 0);
  assert.equal(read(meter, 0).loadedBytes, 80);
});

test("speed and time left are those of the last four seconds", () => {
  const meter = new Meter(1000);
  meter.begin({ requests: [{ partNumber: 1, offset: 0, length: 1000 }], hasMore: false, totalParts: 1 });
  const sent = (bytes, now) => {
    meter.sent({ partNumber: 1 }, bytes);
    return read(meter, now);
  };
  assert.deepEqual([sent(0, 0).bytesPerSecond, sent(0, 0).secondsLeft], [0, null]);
  assert.deepEqual([sent(100, 1000).bytesPerSecond, sent(100, 1000).secondsLeft], [100, 9]);
  assert.equal(sent(500, 5000).bytesPerSecond, 100);
  assert.equal(sent(900, 9000).bytesPerSecond, 100);
});

test("what was held before does not count as speed", () => {
  const meter = new Meter(1000);
  read(meter, 0);
  meter.begin({ requests: [{ partNumber: 1, offset: 900, length: 100 }], hasMore: false, totalParts: 1 });
  const { loadedBytes, bytesPerSecond } = read(meter, 100);
  assert.deepEqual([loadedBytes, bytesPerSecond], [900, 0]);
  meter.sent({ partNumber: 1 }, 10);
  assert.equal(read(meter, 1100).bytesPerSecond, 10);
});

test("the speed goes on from one window to the next", () => {
  const meter = new Meter(100);
  meter.begin(instructions([1], true));
  read(meter, 0);
  meter.finished(part(1));
  meter.begin(instructions([2], true));
  assert.equal(read(meter, 1000).bytesPerSecond, 10);
});

test("events are due at most ten times a second", () => {
  const meter = new Meter(1);
  const due = Array.from({ length: 1000 }, (_, now) => meter.isDue(now)).filter(Boolean);
  assert.equal(due.length, 10);
});
