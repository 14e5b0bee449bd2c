import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mixOf } from '../../k6/lib/mix.js';

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
