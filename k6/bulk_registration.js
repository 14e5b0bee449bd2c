// Bulk registration: components registered as fast as the stack takes them, at several numbers of VUs, one POST each.
// Closed model without pace: this is the one scenario that measures a capacity. The highest level is `sustained`.
// Where the stack has a bulk route (404, 405 and 501 mean that it has none), a last phase registers by it.
// An answer is good when it is 2xx; a 409 is settled. All components are removed afterwards.
//
//   parameter  bulk_items  components in one bulk request (100)
//
//   profile  components per level  VUs            objects at most   longest     (closed; removes what it creates)
//   demo     1,000                 4, 16          3,000             12 s
//   quick    5,000                 10, 50         15,000            2 min
//   full     10,000                10, 50, 200    40,000            4 min
import { range, removeEach } from './lib/batches.js';
import { authorize } from './lib/credential.js';
import { figures, more } from './lib/figures.js';
import { nodeCount, route, written } from './lib/nodes.js';
import { countCreated, kindOf, store } from './lib/objects.js';
import { iterations, optionsOf } from './lib/options.js';
import { parameter, plan, scenario } from './lib/plan.js';
import { DONE, declareProgress, enterShare, finishShare, scenarioName } from './lib/progress.js';
import { call, send } from './lib/request.js';
import { share } from './lib/seeding.js';

scenario('bulk_registration', 1);
declareProgress();

const BULK = 'bulk';
const BULK_ITEMS = parameter('bulk_items', 100);
const COMPONENT = kindOf('component', written(), ['create']);
const ROUTE = route('component-bulk', { names: written(), contains: ['"failed":0'] });
const phases = plan.load.phases.map((phase) => ({ ...phase, items: phase.name === BULK ? BULK_ITEMS : 1 }));
/** @param {string} name @returns {number} the first node of a phase: each registers its own */
const firstOf = (name) => {
  const before = phases.slice(0, phases.findIndex((phase) => phase.name === name));
  return before.reduce((sum, { iterations: all = 0, items }) => sum + all * items, nodeCount());
};
const firsts = Object.fromEntries(phases.map(({ name }) => [name, firstOf(name)]));

export const options = optionsOf(
  Object.fromEntries(phases.map((phase) => [scenarioName(phase.name), iterations(phase.name === BULK ? 'registerMany' : 'registerOne', phase)])),
);
export { handleSummary } from './lib/summary.js';

export function setup() {
  const setUp = share();
  const { status } = send(ROUTE, 0, undefined, '[]');
  const absent = [404, 405, 501].includes(status);
  return { ...setUp, bulk: !absent, unavailable: absent ? [{ what: 'bulk route', reason: `answers ${status}` }] : [] };
}

/** @param {import('./lib/seeding.js').SetUp} setUp */
export function registerOne({ credential }) {
  authorize(credential);
  const { phase, turn } = enterShare();
  if (store(COMPONENT, firsts[phase.name] + turn)) finishShare();
}

/** @param {import('./lib/seeding.js').SetUp & {bulk: boolean}} setUp */
export function registerMany({ credential, bulk }) {
  if (!bulk) return;
  authorize(credential);
  const { turn } = enterShare();
  const nodes = range(firsts[BULK] + turn * BULK_ITEMS, BULK_ITEMS);
  const body = `[${nodes.map((node) => COMPONENT.create.body?.(node)).join(',')}]`;
  if (!call(ROUTE, 0, undefined, body)) return;
  countCreated(COMPONENT, BULK_ITEMS);
  finishShare();
}

/** @param {import('./lib/seeding.js').SetUp} setUp */
export function teardown({ credential }) {
  const last = phases[phases.length - 1];
  removeEach(COMPONENT, range(nodeCount(), firsts[last.name] + (last.iterations ?? 0) * last.items - nodeCount()), credential);
}

figures((k6) =>
  phases.flatMap(({ name: phase, items, iterations: all = 0 }) => {
    const done = k6.distribution(DONE, `phase:${phase}`);
    if (!done) return [];
    const { p10, p90 } = done.quantiles;
    const rate = { phase, compared: phase === 'sustained', count: done.count };
    return [
      more('registrations', 'components/s', (done.count * items) / (done.max / 1000), rate),
      more('steady registrations', 'components/s', (0.8 * done.count * items) / ((p90 - p10) / 1000), { ...rate, compared: false }),
      more('registered', 'components', done.count * items, { phase, count: all }),
    ];
  }),
);
