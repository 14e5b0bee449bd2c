// Boot storm: each VU is a node that asks for its boot script, once per pace (1 s; demo 0.1 s).
// Closed model, because the requirement counts nodes that boot at the same time.
// An answer is good when it is 200 and starts the kernel, initrd and command line of the node that asks.
//
// Iterations walk through the seeded nodes in turn, so that the first pass asks for each node exactly once. A node that
// is not served stays with its VU, which asks again in later passes; what is never served is counted exactly.
//
//   profile  model   VUs               iterations/s      requests/s per service  created  left  duration
//   demo     closed  200 -> 400        2,000 -> 4,000    bss 2,000 -> 4,000      0        0     8.5 s
//   quick    closed  1,000 -> 2,000    1,000 -> 2,000    bss 1,000 -> 2,000      0        0     2 min 50 s
//   full     closed  10,000 -> 20,000  10,000 -> 20,000  bss 10,000 -> 20,000    0        0     15 min
//   soak     closed  2,000             2,000             bss 2,000               0        0     1 h 2 min
import { Counter, Trend } from 'k6/metrics';

import { begin, elapsedMs, isFirstPass, nextNode, pace } from './lib/pace.js';
import { asking, nodeCount, route } from './lib/request.js';
import { scenario, spec } from './lib/scenario.js';

scenario('boot_storm', 1);

/** After the first pass, a VU that knows of unserved nodes asks for one of them once in so many iterations. */
const ASK_AGAIN_EVERY = 8;

const NODES = nodeCount();
const askForScript = asking(route('bootscript'), { alone: true });
const booted = new Trend('chamiperf_node_booted', true);
const nodes = new Counter('chamiperf_nodes');

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ vus }) => ({ boot_storm: vus('bootOneNode') }),
  counts: ['chamiperf_nodes{what:missed}', 'chamiperf_nodes{what:recovered}'],
  figures: (figures) => {
    const { count = 0, max = NaN } = figures.distribution('chamiperf_node_booted') ?? {};
    const never = figures.count('chamiperf_nodes', 'what:missed') - figures.count('chamiperf_nodes', 'what:recovered');
    const last = { count, resolution: 0.001 };
    return [
      figures.higherIsBetter('nodes booted', 'nodes', count),
      figures.lowerIsBetter('nodes never served', 'nodes', never),
      figures.lowerIsBetter('nodes not asked', 'nodes', figures.remainder(NODES, count + never)),
      figures.lowerIsBetter('time until nodes booted', 's', figures.most(max / 1000), last),
    ];
  },
});

/** @type {number[]} nodes that this VU was the first to ask for, and that were not served */
const unserved = [];
let later = 0;

export const bootOneNode = () => {
  begin();
  const node = nextNode(NODES);
  if (isFirstPass) bootForTheFirstTime(node);
  else if (unserved.length > 0 && (later += 1) % ASK_AGAIN_EVERY === 0) bootAgain();
  else askForScript(node);
  pace();
};

/** @type {(node: number) => void} */
const bootForTheFirstTime = (node) => {
  if (askForScript(node)) booted.add(elapsedMs());
  else {
    nodes.add(1, { what: 'missed' });
    unserved.push(node);
  }
};

const bootAgain = () => {
  const node = /** @type {number} */ (unserved.shift());
  if (askForScript(node)) {
    nodes.add(1, { what: 'recovered' });
    booted.add(elapsedMs());
  } else unserved.push(node);
};
