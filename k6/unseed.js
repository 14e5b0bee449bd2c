// Unseed: take nodes out of a stack again. One iteration is one node: payload, boot parameters, interfaces, component.
// Rows that a sync made for the node are found by its id and go too; what is gone already is fine.
//
//   parameter  first  index of the first node (0); `iterations` of the phase says how many
import { Counter } from 'k6/metrics';

import { api } from './lib/api.js';
import { authorize } from './lib/credential.js';
import { figures, more } from './lib/figures.js';
import { seeded } from './lib/nodes.js';
import { kindOf, removeAll } from './lib/objects.js';
import { iterations, optionsOf } from './lib/options.js';
import { iterationNumber } from './lib/pace.js';
import { parameter, plan, scenario } from './lib/plan.js';
import { enterWindow } from './lib/windows.js';

scenario('unseed', 1);

const FIRST = parameter('first', 0);
const KINDS = [...api.seed_order].reverse().map((name) => kindOf(name, seeded(), ['find', 'delete']));
const gone = new Counter('chamiperf_nodes_gone');

export const options = optionsOf({ unseed: iterations('unseedOneNode', plan.load.phases[0]) });
export { share as setup } from './lib/seeding.js';
export { handleSummary } from './lib/summary.js';

/** @param {import('./lib/seeding.js').SetUp} setUp */
export function unseedOneNode({ credential }) {
  authorize(credential);
  enterWindow();
  const node = FIRST + iterationNumber();
  const removed = KINDS.map((kind) => removeAll(kind, node));
  if (removed.every(Boolean)) gone.add(1);
}

figures((k6) => [more('nodes gone', 'nodes', k6.count('chamiperf_nodes_gone'))]);
