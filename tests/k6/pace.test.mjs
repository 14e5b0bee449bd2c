import assert from 'node:assert/strict';
import { test } from 'node:test';

import exec from 'k6/execution';
import { isFirstPass, nextNode } from '../../k6/lib/pace.js';
import { setPlan } from '../../k6/lib/plan.js';

test('a VU asks k6 for its nodes in the first pass, and then steps over as many as there are VUs', () => {
  const phases = [{ name: 'sustained', start_s: 0, duration_s: 1, from_vus: 3, to_vus: 4 }];
  setPlan(/** @type {any} */ ({ load: { phases } }));
  const turns = [1, 5, 9, 12];
  Object.assign(exec, {
    scenario: {
      get iterationInTest() {
        return turns.shift();
      },
    },
  });
  const asked = Array.from({ length: 7 }, () => [nextNode(10), isFirstPass]);
  assert.deepEqual(asked, [
    [1, true],
    [5, true],
    [9, true],
    [2, false],
    [6, false],
    [0, false],
    [4, false],
  ]);
  assert.deepEqual(turns, []);
});

/**
 * When VUs that begin one after the other would start their iterations: of each a copy of the module, with a clock that
 * sleeping moves.
 * @param {any[]} phases @param {number} paceS @param {number[]} begins s, of each VU @param {number} untilS
 */
const starts = async (phases, paceS, begins, untilS) => {
  setPlan(/** @type {any} */ ({ load: { phases, pace_s: paceS } }));
  const real = Date.now;
  /** @type {number[]} */
  const found = [];
  let now = 0;
  Object.assign(exec, { scenario: { startTime: 1 }, vu: { metrics: { tags: {} } } });
  Object.assign(globalThis, { slept: (/** @type {number} */ seconds) => (now += 1000 * seconds) });
  Date.now = () => 1 + now;
  try {
    for (const [vu, begin] of begins.entries()) {
      now = 1000 * begin;
      const copy = await import(`../../k6/lib/pace.js?vu=${vu}-${paceS}-${untilS}`);
      for (copy.begin(); now < 1000 * untilS; copy.begin()) {
        found.push(now / 1000);
        copy.pace();
      }
    }
  } finally {
    Date.now = real;
  }
  return found;
};

test('VUs that a ramp of one pace brings in spread over the pace, and do not crowd where the ramp ends', async () => {
  const phases = [
    { name: 'ramp-up', start_s: 0, duration_s: 20, from_vus: 0, to_vus: 400 },
    { name: 'sustained', start_s: 20, duration_s: 40, from_vus: 400, to_vus: 400 },
  ];
  const begins = Array.from({ length: 400 }, (_, i) => i / 20);
  const found = await starts(phases, 20, begins, 60);
  const quarters = [20, 25, 30, 35, 40, 45, 50, 55].map(
    (from) => found.filter((start) => start >= from && start < from + 5).length,
  );
  // 100 each, sd 9; with the crowd the last quarter of each pace had some 190, the first one 45.
  for (const count of quarters) assert.ok(count > 55 && count < 145, quarters.join(' '));
});

test('a VU whose random point lies behind a herd starts with the herd', async () => {
  const phases = [
    { name: 'ramp-up', start_s: 0, duration_s: 5, from_vus: 0, to_vus: 50 },
    { name: 'sustained', start_s: 5, duration_s: 40, from_vus: 50, to_vus: 50, herd: true },
  ];
  const found = await starts(phases, 20, Array.from({ length: 50 }, (_, i) => i / 10), 6);
  assert.equal(found.filter((start) => start === 5).length, 50);
});
