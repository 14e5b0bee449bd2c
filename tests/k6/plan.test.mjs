import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mixOf, sequence, shardOf, shareOf, shareOfCount, slotAt, stages, windowCount } from '../../k6/lib/plan.js';

const storm = sequence([
  { name: 'ramp-up', duration_s: 1, from_vus: 0, to_vus: 200 },
  { name: 'sustained', duration_s: 6, from_vus: 200, to_vus: 200 },
  { name: 'spike', duration_s: 1, from_vus: 400, to_vus: 400 },
  { name: 'cooldown', duration_s: 0.5, from_vus: 400, to_vus: 0 },
]);

/** @param {number} duration */
const sustained = (duration) => [{ name: 'sustained', start_s: 0, duration_s: duration }];

test('each phase starts where the one before ends', () => {
  assert.deepEqual(
    storm.map(({ start_s: start }) => start),
    [0, 1, 7, 8],
  );
});

test('a spike is a jump: a stage of no duration', () => {
  assert.deepEqual(stages(storm, 'vus').stages, [
    { duration: '1000ms', target: 200 },
    { duration: '6000ms', target: 200 },
    { duration: '0s', target: 400 },
    { duration: '1000ms', target: 400 },
    { duration: '500ms', target: 0 },
  ]);
});

test('the highest level is that of the spike', () => assert.equal(stages(storm, 'vus').highest, 400));

test('a rate that starts in the middle of a load is a jump from nothing', () => {
  const phases = sequence([
    { name: 'alone', duration_s: 3, from_vus: 5, to_vus: 5 },
    { name: 'sustained', duration_s: 6, from_vus: 5, to_vus: 5, from_rate: 20, to_rate: 20 },
  ]);
  assert.deepEqual(stages(phases, 'rate'), {
    start: 0,
    highest: 20,
    stages: [
      { duration: '3000ms', target: 0 },
      { duration: '0s', target: 20 },
      { duration: '6000ms', target: 20 },
    ],
  });
});

test('just under two minutes have ten windows', () => assert.equal(windowCount(sustained(119.9)), 10));
test('two minutes have twenty windows', () => assert.equal(windowCount(sustained(120)), 20));
test('ten minutes have twenty windows, of 30 s', () => assert.equal(windowCount(sustained(600)), 20));
test('a planned number of windows is taken', () => assert.equal(windowCount(sustained(600), 40), 40));
test('a load without a sustained phase has no windows', () => {
  assert.equal(windowCount([{ name: 'seed', start_s: 0, duration_s: 60 }]), 0);
});
test('a phase that ends with its iterations has the planned windows only', () => {
  const phase = { name: 'sustained', start_s: 0, duration_s: 60, iterations: 1000 };
  assert.deepEqual([windowCount([phase]), windowCount([phase], 10)], [0, 10]);
});

/** @param {number} elapsedMs */
const at = (elapsedMs) => Object.values(slotAt(storm, 3, elapsedMs)).join(' ');

for (const [elapsedMs, slot] of /** @type {const} */ ([
  [0, 'ramp-up  1000'],
  [999, 'ramp-up  1000'],
  [1000, 'sustained 0 3000'],
  [2999, 'sustained 0 3000'],
  [3000, 'sustained 1 5000'],
  [6999, 'sustained 2 7000'],
  [7000, 'spike  8000'],
  [8000, 'cooldown  Infinity'],
  [60_000, 'cooldown  Infinity'],
])) {
  test(`after ${elapsedMs} ms it is ${slot}`, () => assert.equal(at(elapsedMs), slot));
}

test('the last window of a load that ends with its sustained phase ends before VUs are taken away', () => {
  assert.deepEqual(slotAt(sustained(60), 10, 59_999), { phase: 'sustained', window: '9', endMs: 60_000 });
  assert.deepEqual(slotAt(sustained(60), 10, 60_000), { phase: 'after', window: null, endMs: Infinity });
});

for (const [name, rest, expected] of /** @type {const} */ ([
  ['at the very end', [], ['60000ms 200', '1000ms 200']],
  ['by a ramp', [{ name: 'cooldown', duration_s: 10, from_vus: 200, to_vus: 0 }],
    ['60000ms 200', '1000ms 200', '9000ms 0']],
  ['by a jump', [{ name: 'less', duration_s: 1, from_vus: 50, to_vus: 50 }],
    ['60000ms 200', '500ms 200', '0s 50', '500ms 50']],
  ['never: more come', [{ name: 'spike', duration_s: 5, from_vus: 300, to_vus: 300 }],
    ['60000ms 200', '0s 300', '5000ms 300']],
])) {
  test(`VUs of the measured phase stay for a second when it is over, taken away ${name}`, () => {
    const phases = sequence([{ name: 'sustained', duration_s: 60, from_vus: 200, to_vus: 200 }, ...rest]);
    const found = stages(phases, 'vus').stages.map(({ duration, target }) => `${duration} ${target}`);
    assert.deepEqual(found, expected);
  });
}

test('every window of ten minutes is entered at its first millisecond', () => {
  const entered = Array.from({ length: 20 }, (_, i) => slotAt(sustained(600), 20, 30_000 * i).window);
  assert.deepEqual(
    entered,
    Array.from({ length: 20 }, (_, i) => String(i)),
  );
});

test('operations are drawn in their shares', () => {
  const next = mixOf({ get: 70, list: 10, put: 20 });
  /** @type {Record<string, number>} */
  const drawn = { get: 0, list: 0, put: 0 };
  for (let i = 0; i < 1000; i += 1) drawn[next((i + 0.5) / 1000)] += 1;
  assert.deepEqual(drawn, { get: 700, list: 100, put: 200 });
});

test('an operation with no share is never drawn', () => {
  const next = mixOf({ get: 1, put: 0 });
  assert.deepEqual(new Set([0, 0.5, 0.999999].map(next)), new Set(['get']));
});

test('a mix of nothing is refused', () => assert.throws(() => mixOf({ get: 0 }), /at least one share above 0/));

test('a process without a segment has the whole load', () => assert.deepEqual(shardOf(null), { index: 0, of: 1 }));

for (const [segment, shard] of /** @type {const} */ ([
  ['0:1', { index: 0, of: 1 }],
  ['0:1/2', { index: 0, of: 2 }],
  ['1/3:2/3', { index: 1, of: 3 }],
  ['2/3:1', { index: 2, of: 3 }],
  ['5/256:6/256', { index: 5, of: 256 }],
])) {
  test(`segment ${segment} is shard ${shard.index} of ${shard.of}`, () => assert.deepEqual(shardOf(segment), shard));
}

for (const segment of ['0:2/3', '1/4:3/4', '1/3:3/4']) {
  test(`segment ${segment} is refused, because it is not one of equal ones`, () =>
    assert.throws(() => shardOf(segment), /is not one of equal ones/));
}

test("every item is one shard's, and as many as that shard counts", () => {
  const items = Array.from({ length: 17 }, (_, i) => i);
  const shares = [0, 1, 2].map((index) => shareOf(items, { index, of: 3 }));
  assert.deepEqual(
    shares.flat().toSorted((a, b) => a - b),
    items,
  );
  assert.deepEqual(
    shares.map(({ length }) => length),
    [0, 1, 2].map((index) => shareOfCount(17, { index, of: 3 })),
  );
});
