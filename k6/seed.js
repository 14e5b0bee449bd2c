// Seed: put nodes into a stack by single POSTs, as Chamicore's own tools do; there is no bulk route to rely on.
// One iteration is one node: component, interface, boot parameters, payload, in this order, because the syncs of BSS and
// Cloud-Init remove what has no component. As fast as the stack takes them; a 409 is settled by list and PATCH.
//
//   parameter  first  index of the first node (0); `iterations` of the phase says how many
import { Trend } from 'k6/metrics';

import { api } from './lib/api.js';
import { authorize } from './lib/credential.js';
import { figures, more } from './lib/figures.js';
import { seeded } from './lib/nodes.js';
import { kindOf, store } from './lib/objects.js';
import { iterations, optionsOf } from './lib/options.js';
import { iterationNumber } from './lib/pace.js';
import { parameter, plan, scenario } from './lib/plan.js';
import { elapsedMs, enterWindow } from './lib/windows.js';

scenario('seed', 1);

const FIRST = parameter('first', 0);
const KINDS = api.seed_order.map((name) => kindOf(name, seeded(), ['create']));
const complete = new Trend('chamiperf_node_complete', true);

export const options = optionsOf({ seed: iterations('seedOneNode', plan.load.phases[0]) });
export { share as setup } from './lib/seeding.js';
export { handleSummary } from './lib/summary.js';

/** @param {import('./lib/seeding.js').SetUp} setUp */
export function seedOneNode({ credential }) {
  authorize(credential);
  enterWindow();
  const node = FIRST + iterationNumber();
  if (KINDS.every((kind) => store(kind, node))) complete.add(elapsedMs());
}

figures((k6) => {
  const done = k6.distribution('chamiperf_node_complete');
  const seconds = (done?.max ?? 0) / 1000;
  return [
    more('nodes seeded', 'nodes', done?.count ?? 0),
    ...(done ? [more('objects seeded', 'objects/s', (done.count * KINDS.length) / seconds, { count: done.count })] : []),
  ];
});
