// DHCP sync burst: a burst of changes to interfaces, and the time until each is seen in Kea.
// A quarter each of interfaces is added, gets another MAC, gets another address, and is removed. One VU writes them all,
// in batches, and reads Kea's reservations once per poll period, so it knows when each change was answered and when it
// was first seen; the poll period is the resolution. Changes that are not seen in time are counted exactly.
// Setup creates the nodes and waits until Kea knows them; teardown removes them.
//
//   parameter  changes          (10,000)        poll_s           between two reads of Kea (1)
//              settle_s         longest wait for Kea in setup    wait_s  longest wait after the burst
//              sync_interval_s  of kea-sync, where it is known, to stand beside the result (0: unknown)
//
//   profile  changes   objects at most   longest         (one VU; removes what it creates)
//   demo     200       400               80 s
//   quick    1,000     2,000             4 min 10 s
//   full     10,000    20,000            10 min 10 s
import { sleep } from 'k6';
import { Trend } from 'k6/metrics';

import { AT_ONCE, interfaceChanges, write } from './lib/changes.js';
import { figures, less, more, trend } from './lib/figures.js';
import { keaEndpoint, reservations } from './lib/kea.js';
import { nodeCount } from './lib/nodes.js';
import { iterations, optionsOf } from './lib/options.js';
import { parameter, plan, scenario } from './lib/plan.js';
import { share } from './lib/seeding.js';
import { enter } from './lib/windows.js';

scenario('dhcp_sync_burst', 1);

const CHANGES = parameter('changes', 10_000);
const POLL_S = parameter('poll_s', 1);
const KEA = keaEndpoint();
const interfaces = interfaceChanges(nodeCount(), CHANGES);
const propagation = trend('propagation to Kea', { resolution: POLL_S * 1000 });
const period = new Trend('chamiperf_poll_period', true);

export const options = optionsOf({ dhcp_sync_burst: iterations('burst', plan.load.phases[0]) });
export { handleSummary } from './lib/summary.js';

/** @typedef {import('./lib/seeding.js').SetUp & {keys: Record<string, string> | null}} SetUp */

/** @returns {SetUp} */
export function setup() {
  const setUp = share();
  const why = plan.urls.kea ? whyNotSettled(setUp) : 'no URL is given';
  if (why) return { ...setUp, keys: null, unavailable: [{ what: 'Kea', reason: why }] };
  return { ...setUp, keys: interfaces.keys(setUp.credential) };
}

/** @param {import('./lib/seeding.js').SetUp} setUp @returns {string} empty once Kea knows all interfaces of setup */
function whyNotSettled({ credential }) {
  if (!reservations(KEA)) return 'it gives no list of reservations';
  interfaces.prepare(credential);
  const until = Date.now() + parameter('settle_s', 90) * 1000;
  for (;;) {
    const kea = reservations(KEA);
    const unknown = kea ? interfaces.unknownTo(kea) : CHANGES;
    if (unknown === 0) return '';
    if (Date.now() > until) return `after ${parameter('settle_s', 90)} s it does not know ${unknown} of the interfaces`;
    sleep(POLL_S);
  }
}

/** @param {SetUp} setUp */
export function burst({ keys, credential }) {
  if (!keys) return;
  enter('sustained', null);
  /** @type {ReturnType<typeof write>} */
  let unseen = [];
  let lastLook = Date.now();
  const look = () => {
    const kea = reservations(KEA);
    const now = Date.now();
    period.add(now - lastLook);
    lastLook = now;
    if (kea) unseen = unseen.filter(({ change, at }) => !(change.shows(kea) && (propagation.add(now - at), true)));
  };
  for (let done = 0; done < CHANGES; done += AT_ONCE) {
    unseen.push(...write(interfaces.changes.slice(done, done + AT_ONCE), keys, credential));
    if (Date.now() - lastLook >= POLL_S * 1000) look();
  }
  const until = Date.now() + parameter('wait_s', 300) * 1000;
  while (unseen.length > 0 && Date.now() < until) {
    sleep(Math.max(0, POLL_S - (Date.now() - lastLook) / 1000));
    look();
  }
}

/** @param {SetUp} setUp */
export const teardown = ({ credential }) => interfaces.cleanUp(credential);

figures((k6) => {
  const seen = k6.distribution('chamiperf_propagation_to_Kea');
  return [
    more('changes seen', 'changes', seen?.count ?? 0),
    less('changes never seen', 'changes', CHANGES - (seen?.count ?? 0)),
    ...(seen ? [less('time until all changes were seen', 's', seen.max / 1000, { count: seen.count, resolution: POLL_S })] : []),
    less('poll period', 's', (k6.distribution('chamiperf_poll_period')?.max ?? 0) / 1000),
    less('sync interval', 's', parameter('sync_interval_s', 0)),
  ];
});
