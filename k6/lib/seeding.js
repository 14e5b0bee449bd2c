// Seeding in setup and removal in teardown, for `k6 run` by hand; `chamiperf seed` drives seed.js instead.
import http from 'k6/http';
import { api } from './api.js';
import { authorize, shareCredential } from './credential.js';
import { kindOf, removeAll, stored } from './objects.js';
import { nodeCount, seeded } from './nodes.js';
import { plan } from './plan.js';

/** @type {import('./objects.js').Kind[]} */
let kinds = [];

/** Declare what a run by hand seeds; only the instances of the script that set up, tear down and sum up need it. */
export function declareSeeding() {
  if (plan.seeding) kinds = api.seed_order.map((name) => kindOf(name, seeded()));
}

/**
 * What `setup` hands to every VU and to the summary.
 * @typedef {object} SetUp
 * @property {import('./credential.js').Shared} credential
 * @property {{what: string, reason: string}[]} unavailable
 * @property {string[]} warnings
 */

/** @returns {SetUp} a credential for all VUs */
export const share = () => ({ credential: shareCredential(), unavailable: [], warnings: [] });

/** @returns {SetUp} after seeding, where the run is by hand */
export function prepare() {
  const setUp = share();
  const batch = plan.seeding?.batch ?? 0;
  for (const kind of kinds) {
    for (let first = 0; first < nodeCount(); first += batch) {
      authorize(setUp.credential);
      const nodes = Array.from({ length: Math.min(batch, nodeCount() - first) }, (_, i) => first + i);
      const { create } = kind;
      const answers = http.batch(nodes.map((i) => ['POST', create.url(i), create.body?.(i), create.params]));
      answers.forEach((answer, i) => stored(kind, nodes[i], answer));
    }
  }
  return setUp;
}

/** Remove what `prepare` seeded. */
export function cleanUp() {
  for (let node = 0; node < nodeCount() && kinds.length > 0; node += 1) {
    authorize();
    for (const kind of [...kinds].reverse()) removeAll(kind, node);
  }
}
