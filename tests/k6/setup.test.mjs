import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startOf } from '../../k6/lib/setup.js';

/** Let time pass only where the library sleeps. @param {number} nowMs @param {() => void} body */
const atTime = (nowMs, body) => {
  const { now } = Date;
  const slept = /** @type {number[]} */ ([]);
  Date.now = () => nowMs;
  Object.assign(globalThis, {
    slept: (/** @type {number} */ seconds) => {
      slept.push(seconds);
      nowMs += Math.ceil(seconds * 1000);
    },
  });
  try {
    body();
  } finally {
    Date.now = now;
  }
  return slept;
};

test('without a start the load begins at once', () => {
  const slept = atTime(5000, () => {
    assert.deepEqual(startOf(undefined, undefined)(), { start_at: null, offset_s: 0, began_at: 5 });
  });
  assert.deepEqual(slept, []);
});

test("the load begins at its start by the clock that all agree on, not by this machine's", () => {
  const slept = atTime(100_000, () => {
    assert.deepEqual(startOf('110', '0.25')(), { start_at: 110, offset_s: 0.25, began_at: 110 });
  });
  assert.deepEqual(slept, [9.75]);
});

test('a start that is over is said, and the load begins', () => {
  const slept = atTime(100_000, () => assert.equal(startOf('90', '')().began_at, 100));
  assert.deepEqual(slept, []);
});

for (const [variable, at, offset] of /** @type {const} */ ([
  ['CHAMIPERF_START_AT', 'noon', '0'],
  ['CHAMIPERF_CLOCK_OFFSET_S', '100', '5ms'],
])) {
  test(`${variable} that is no number is refused by its name`, () =>
    assert.throws(() => startOf(at, offset), new RegExp(`${variable} is (noon|5ms), expected a number of seconds`)));
}
