// Seed: put nodes into a stack by single POSTs, as Chamicore's own tools do. Where an iteration is a group of nodes, and
// dialect and stack have a bulk route for the first kind, that kind is written by one request a group; of a group of which
// something is there already, each by itself.
// One iteration is one group, and of each node in it: component, interface, boot parameters, payload, in this order, because the syncs of BSS and
// Cloud-Init remove what has no component. As fast as the stack takes them; a 409 is settled by list and PATCH. Another
// dialect may have other objects, of which some come with others and are not written themselves.
//
//   parameter  first  index of the first node (0); the last one is the last that the plan names
//   parameter  group  nodes of an iteration (1); `iterations` of the phase says how many groups
import { Trend } from 'k6/metrics';

import { hasRoute } from './lib/api.js';
import { authorize } from './lib/credential.js';
import { bulkOf, countCreated, range, seedKinds, store } from './lib/objects.js';
import { elapsedMs, enterWindow, iterationNumber } from './lib/pace.js';
import { nodeCount, seeded, send, shows } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('seed', 1);

const FIRST = parameter('first', 0);
const GROUP = parameter('group', 1);
const KINDS = seedKinds(seeded(), ['create']).filter(({ implied }) => !implied);
const BULK = `${KINDS[0].name}-bulk`;
const MANY = GROUP > 1 && hasRoute(BULK) ? bulkOf(KINDS[0], BULK) : null;
const complete = new Trend('chamiperf_node_complete', true);

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ iterations }) => iterations(() => 'seedOneGroup'),
  setup: () => ({ bulk: MANY !== null && ![404, 405, 501].includes(send(MANY.to, 0, undefined, MANY.body([])).status) }),
  figures: (figures) => {
    const { count = 0, max = NaN } = figures.distribution('chamiperf_node_complete') ?? {};
    const rate = figures.rate(count * KINDS.length, max / 1000);
    return [
      figures.higherIsBetter('nodes seeded', 'nodes', count),
      figures.higherIsBetter('objects seeded', 'objects/s', rate, { count }),
    ];
  },
});

/** @type {(setUp: import('./lib/setup.js').SetUp & {bulk: boolean}) => void} */
export const seedOneGroup = ({ credential, bulk }) => {
  authorize(credential);
  enterWindow();
  const first = FIRST + iterationNumber() * GROUP;
  const nodes = range(first, Math.min(GROUP, nodeCount() - first));
  const kinds = bulk && storeMany(nodes) ? KINDS.slice(1) : KINDS;
  for (const node of nodes) if (kinds.every((kind) => store(kind, node))) complete.add(elapsedMs());
};

/** @type {(nodes: number[]) => boolean} whether all are there now; else nothing is counted, and each is settled by itself */
const storeMany = (nodes) => {
  const { to, body } = /** @type {NonNullable<typeof MANY>} */ (MANY);
  const answer = send(to, 0, undefined, body(nodes));
  if (answer.status < 200 || answer.status > 299 || !shows(to, answer, 0)) return false;
  countCreated(KINDS[0], nodes.length);
  return true;
};
