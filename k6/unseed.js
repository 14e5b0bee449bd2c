// Unseed: take nodes out of a stack again. One iteration is one node: payload, boot parameters, interfaces, component.
// Rows that a sync made for the node are found by its id and go too; what is gone already is fine.
//
//   parameter  first  index of the first node (0); `iterations` of the phase says how many
import { Counter } from 'k6/metrics';

import { authorize } from './lib/credential.js';
import { removeAll, seedKinds } from './lib/objects.js';
import { enterWindow, iterationNumber } from './lib/pace.js';
import { seeded } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('unseed', 1);

const FIRST = parameter('first', 0);
const KINDS = seedKinds(seeded(), ['find', 'delete']).toReversed();
const gone = new Counter('chamiperf_nodes_gone');

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ iterations }) => iterations(() => 'unseedOneNode'),
  figures: (figures) => [figures.higherIsBetter('nodes gone', 'nodes', figures.count('chamiperf_nodes_gone'))],
});

/** @type {(setUp: import('./lib/setup.js').SetUp) => void} */
export const unseedOneNode = ({ credential }) => {
  authorize(credential);
  enterWindow();
  const node = FIRST + iterationNumber();
  const removed = KINDS.map((kind) => removeAll(kind, node));
  if (removed.every(Boolean)) gone.add(1);
};
