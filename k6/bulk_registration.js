// Bulk registration: components registered as fast as the stack takes them, at several numbers of VUs, one POST each.
// Closed model without pace: this is the one scenario that measures a capacity. The highest level is `sustained`.
// Where the stack has a bulk route (404, 405 and 501 mean that it has none), a last phase registers by it. Each phase
// registers as many components. An answer is good when it is 2xx; a 409 is settled. All are removed afterwards.
//
//   parameter  bulk_items  components in one bulk request (100)
//
//   profile  model   VUs                   iterations/s  requests/s per service  created  left  duration
//   demo     closed  4 -> 16               unpaced       smd unpaced             3,000    0     12 s
//   quick    closed  10 -> 50 -> 4         unpaced       smd unpaced             15,000   0     1 min 30 s
//   full     closed  10 -> 50 -> 200 -> 4  unpaced       smd unpaced             40,000   0     4 min
//   soak     closed  10 -> 50 -> 200 -> 4  unpaced       smd unpaced             40,000   0     4 min
import { authorize } from './lib/credential.js';
import { bulkOf, countCreated, kindOf, range, store } from './lib/objects.js';
import { declareProgress, enterShare, finishShare } from './lib/pace.js';
import { call, nodeCount, send, written } from './lib/request.js';
import { parameter, plan, scenario, spec } from './lib/scenario.js';

scenario('bulk_registration', 1);
declareProgress();

const BULK = 'bulk';
const BULK_ITEMS = parameter('bulk_items', 100);
const COMPONENT = kindOf('component', written(), ['create']);
const MANY = bulkOf(COMPONENT, 'component-bulk');
let next = nodeCount();
/** Each phase registers nodes of its own. */
const phases = plan.load.phases.map(({ name, iterations: count = 0 }) => {
  const items = name === BULK ? BULK_ITEMS : 1;
  next += count * items;
  return { name, count, items, first: next - count * items };
});
const firstOf = Object.fromEntries(phases.map(({ name, first }) => [name, first]));

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ iterations }) => iterations((phase) => (phase === BULK ? 'registerMany' : 'registerOne')),
  setup: () => {
    const { status } = send(MANY.to, 0, undefined, MANY.body([]));
    const bulk = ![404, 405, 501].includes(status);
    if (bulk) return { bulk };
    const reason = `answers ${status}`;
    return { bulk, unavailable: [{ what: 'bulk route', reason, endpoints: ['component-bulk'] }] };
  },
  teardown: ({ credential }, { own, removeEach }) =>
    phases.forEach(({ first, count, items }) => {
      const nodes = own(range(0, count)).flatMap((turn) => range(first + turn * items, items));
      removeEach(COMPONENT, nodes, credential);
    }),
  figures: (figures) =>
    phases.flatMap(({ name: phase, items, count: planned }) => {
      const { count = 0, max = NaN } = figures.progress(phase) ?? {};
      const all = { phase, count, compared: phase === 'sustained' };
      const middle = { phase, count };
      const done = count * items;
      if (count === 0) return [];
      return [
        figures.higherIsBetter('registrations', 'components/s', figures.rate(done, max / 1000), all),
        figures.higherIsBetter('steady registrations', 'components/s', figures.middleRate(done, phase), middle),
        figures.higherIsBetter('registered', 'components', done, { phase, count: figures.ownShare(planned) }),
      ];
    }),
});

/** @type {(setUp: import('./lib/setup.js').SetUp) => void} */
export const registerOne = ({ credential }) => {
  authorize(credential);
  const { phase, turn } = enterShare();
  if (store(COMPONENT, firstOf[phase] + turn)) finishShare();
};

/** @type {(setUp: import('./lib/setup.js').SetUp & {bulk: boolean}) => void} */
export const registerMany = ({ credential, bulk }) => {
  if (!bulk) return;
  authorize(credential);
  const first = firstOf[BULK] + enterShare().turn * BULK_ITEMS;
  if (!call(MANY.to, 0, undefined, MANY.body(range(first, BULK_ITEMS)))) return;
  countCreated(COMPONENT, BULK_ITEMS);
  finishShare();
};
