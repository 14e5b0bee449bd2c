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
