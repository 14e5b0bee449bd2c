// DHCP sync burst: a burst of changes to interfaces, and the time until each is seen in Kea.
// A quarter each of interfaces is added, gets another MAC, gets another address, and is removed. One VU writes them all,
// in batches, and reads Kea's reservations once per poll period, so it knows when each change was answered and when it
// was first seen; the poll period is the resolution. Changes that are not seen in time are counted exactly.
// Setup creates the nodes and waits until Kea knows them; teardown removes them.
//
//   parameter  changes (10,000), poll_s between two reads of Kea (1), sync_interval_s of kea-sync (0: unknown),
//              settle_s and wait_s: longest waits for Kea in setup (90) and after the burst (300),
//              subnet_id of the reservations (1), told to a Kea that gives no list without
//
//   profile  model   VUs  iterations/s  requests/s per service  created  left  duration
//   demo     closed  1    unpaced       smd unpaced             400      0     1 min 20 s
//   quick    closed  1    unpaced       smd unpaced             2,000    0     4 min 10 s
//   full     closed  1    unpaced       smd unpaced             20,000   0     10 min 10 s
//   soak     closed  1    unpaced       smd unpaced             20,000   0     10 min 10 s
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

import { AT_ONCE, interfaceChanges, keaEndpoint, watchFor, write } from './lib/kea.js';
import { enter, trend, watchRequests } from './lib/pace.js';
import { nodeCount } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('dhcp_sync_burst', 1);

const CHANGES = parameter('changes', 10_000);
const POLL_S = parameter('poll_s', 1);
const SETTLE_S = parameter('settle_s', 90);
const WAIT_S = parameter('wait_s', 300);
const SYNC_INTERVAL_S = parameter('sync_interval_s', 0);
const KEA = keaEndpoint(parameter('subnet_id', 1));
const interfaces = interfaceChanges(nodeCount(), CHANGES);
const propagation = trend('propagation to Kea', POLL_S * 1000);
const period = new Trend('chamiperf_poll_period', true);
const made = new Counter('chamiperf_changes_made');

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ iterations }) => iterations(() => 'burst'),
  setup: ({ credential }) => {
    const why = interfaces.settle(KEA, credential, SETTLE_S, POLL_S);
    if (why) return { unavailable: [{ what: 'Kea', reason: why }] };
    const warnings = SYNC_INTERVAL_S ? [] : ['the sync interval of kea-sync is not known, as sync_interval_s'];
    return { keys: interfaces.keys(credential), warnings };
  },
  teardown: ({ credential }) => interfaces.cleanUp(credential),
  figures: (figures) => {
    const { count = 0, max = NaN } = figures.distribution('chamiperf_propagation_to_Kea') ?? {};
    const last = { count, resolution: POLL_S };
    return [
      figures.higherIsBetter('changes seen', 'changes', count),
      figures.lowerIsBetter('changes never seen', 'changes', figures.count('chamiperf_changes_made') - count),
      figures.lowerIsBetter('time until all changes were seen', 's', figures.most(max / 1000), last),
      figures.lowerIsBetter('poll period', 's', (figures.distribution('chamiperf_poll_period')?.max ?? 0) / 1000),
      ...(SYNC_INTERVAL_S ? [figures.lowerIsBetter('sync interval', 's', SYNC_INTERVAL_S)] : []),
    ];
  },
});

/** @type {(setUp: import('./lib/setup.js').SetUp & {keys?: Record<string, string>}) => void} */
export const burst = ({ keys, credential }) => {
  if (!keys) return;
  enter('sustained', null);
  watchRequests();
  const watch = watchFor(KEA, propagation, period);
  for (let done = 0; done < CHANGES; done += AT_ONCE) {
    const written = write(interfaces.changes.slice(done, done + AT_ONCE), keys, credential);
    made.add(written.length);
    watch.add(written);
    if (watch.sinceLook() >= POLL_S) watch.look();
  }
  const until = Date.now() + WAIT_S * 1000;
  while (watch.left() > 0 && Date.now() < until) {
    sleep(Math.max(0, POLL_S - watch.sinceLook()));
    watch.look();
  }
};
