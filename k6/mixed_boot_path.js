// Mixed boot path: one node's whole way, all of it written by the VU: component, interface, boot parameters, payload,
// then its boot script until the right one is served, then its user-data. Afterwards the node is taken out again.
// Open model: nodes arrive at a rate, however slow the stack is. The path is the time in requests; where the script is
// not there at once because BSS has yet to sync, the waiting is a leg of its own, outside the path and its target.
//
//   parameter  wait_s   a node gives up after so long (90)
//              retry_s  pause between two looks for its script (0.25)
//
//   profile  model  VUs  iterations/s  requests/s per service                       created  left  duration
//   demo     open   -    20 -> 40      smd 80 -> 160, bss + cloud-init 60 -> 120    720      0     8.5 s
//   quick    open   -    50 -> 100     smd 200 -> 400, bss + cloud-init 150 -> 300  35,000   0     2 min 40 s
//   full     open   -    100 -> 200    smd 400 -> 800, bss + cloud-init 300 -> 600  282,000  0     11 min 30 s
//   soak     open   -    20            smd 80, bss + cloud-init 60                  292,800  0     1 h 2 min
import { Counter } from 'k6/metrics';

import { authorize } from './lib/credential.js';
import { removeInReverse, seedKinds, storeInOrder } from './lib/objects.js';
import { begin, iterationNumber, pace, requestTime, rest, timeRequests, trend } from './lib/pace.js';
import { call, judge, nodeCount, route, send, shows, written } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('mixed_boot_path', 1);
timeRequests();

const FIRST = nodeCount();
const WAIT_MS = parameter('wait_s', 90) * 1000;
const RETRY_S = parameter('retry_s', 0.25);
const KINDS = seedKinds(written(), ['create']);
const BOOTSCRIPT = route('bootscript', { names: written() });
const LOOK_AGAIN = route('bootscript', { names: written(), name: 'bootscript-again', measured: false });
const USER_DATA = route('user-data', { names: written() });
const path = trend('boot path', 0.001);
const waited = trend('wait for sync', RETRY_S * 1000, { compared: false });
const lost = new Counter('chamiperf_paths_lost');

export const { options, setup, teardown, handleSummary } = spec({
  // Where waiting is longer than VUs suffice for, arrivals are dropped, and counted by k6.
  runs: ({ arrivals }) => ({ mixed_boot_path: arrivals('bootNewNode') }),
  figures: (figures) => [
    figures.higherIsBetter('paths completed', 'nodes', figures.distribution('chamiperf_boot_path')?.count ?? 0),
    figures.lowerIsBetter('paths not completed', 'nodes', figures.count('chamiperf_paths_lost')),
  ],
});

/** @type {(setUp: import('./lib/setup.js').SetUp) => void} */
export const bootNewNode = ({ credential }) => {
  authorize(credential);
  begin();
  const node = FIRST + iterationNumber();
  const keys = storeInOrder(KINDS, node);
  const waste = keys.length === KINDS.length ? waitForScript(node) : null;
  if (waste !== null && call(USER_DATA, node)) path.add(requestTime() - waste);
  else lost.add(1);
  removeInReverse(KINDS, node, keys);
  pace();
};

/** @type {(node: number) => number | null} ms spent in looks that found no script; null if it never came */
const waitForScript = (node) => {
  const since = Date.now();
  const before = requestTime();
  let answer = send(BOOTSCRIPT, node);
  if (answer.status === 200 && shows(BOOTSCRIPT, answer, node)) return 0;
  while (Date.now() - since < WAIT_MS) {
    rest(RETRY_S);
    const waste = requestTime() - before;
    answer = send(LOOK_AGAIN, node);
    if (answer.status !== 200 || !shows(LOOK_AGAIN, answer, node)) continue;
    waited.add(Date.now() - since);
    return waste;
  }
  judge(BOOTSCRIPT, answer, node);
  return null;
};
