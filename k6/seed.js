// Seed: put nodes into a stack by single POSTs, as Chamicore's own tools do; there is no bulk route to rely on.
// One iteration is one node: component, interface, boot parameters, payload, in this order, because the syncs of BSS and
// Cloud-Init remove what has no component. As fast as the stack takes them; a 409 is settled by list and PATCH. Another
// dialect may have other objects, of which some come with others and are not written themselves.
//
//   parameter  first  index of the first node (0); `iterations` of the phase says how many
import { Trend } from 'k6/metrics';

import { authorize } from './lib/credential.js';
import { seedKinds, store } from './lib/objects.js';
import { elapsedMs, enterWindow, iterationNumber } from './lib/pace.js';
import { seeded } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('seed', 1);

const FIRST = parameter('first', 0);
const KINDS = seedKinds(seeded(), ['create']).filter(({ implied }) => !implied);
const complete = new Trend('chamiperf_node_complete', true);

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ iterations }) => iterations(() => 'seedOneNode'),
  figures: (figures) => {
    const { count = 0, max = NaN } = figures.distribution('chamiperf_node_complete') ?? {};
    const rate = figures.rate(count * KINDS.length, max / 1000);
    return [
      figures.higherIsBetter('nodes seeded', 'nodes', count),
      figures.higherIsBetter('objects seeded', 'objects/s', rate, { count }),
    ];
  },
});

/** @type {(setUp: import('./lib/setup.js').SetUp) => void} */
export const seedOneNode = ({ credential }) => {
  authorize(credential);
  enterWindow();
  const node = FIRST + iterationNumber();
  if (KINDS.every((kind) => store(kind, node))) complete.add(elapsedMs());
};
