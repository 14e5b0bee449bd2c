// Seeding in setup and removal in teardown, for `k6 run` by hand; `chamiperf seed` drives seed.js instead.
import { seedOrder } from './api.js';
import { range, removeEach, storeEach } from './batches.js';
import { authorize, shareCredential } from './credential.js';
import { kindOf } from './objects.js';
import { nodeCount, seeded } from './nodes.js';
import { plan } from './scenario.js';

/** @type {ReturnType<typeof import('./objects.js').kindOf>[]} */
let kinds = [];

/** Declare what a run by hand seeds; only the instances of the script that set up, tear down and sum up need it. */
export function declareSeeding() {
  if (plan.seeding) kinds = seedOrder().map((name) => kindOf(name, seeded()));
}

/**
 * What `setup` hands to every VU and to the summary.
 * @typedef {object} SetUp
 * @property {import('./credential.js').Shared} credential
 * @property {{what: string, reason: string}[]} unavailable
 * @property {string[]} warnings
 */

/** @returns {SetUp} with a credential for all VUs; where the run is by hand, after seeding */
export function prepare() {
  const setUp = { credential: shareCredential(), unavailable: [], warnings: [] };
  authorize(setUp.credential);
  for (const kind of kinds) storeEach(kind, range(0, nodeCount()), setUp.credential, plan.seeding?.batch);
  return setUp;
}

/**
 * Remove what `prepare` seeded.
 * @param {SetUp} setUp
 */
export function cleanUp({ credential }) {
  for (const kind of [...kinds].reverse()) removeEach(kind, range(0, nodeCount()), credential);
}
