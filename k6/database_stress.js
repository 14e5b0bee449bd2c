// Database stress: writes and reads across all six schemas, one cycle per pace (6 s; demo 0.5 s, quick 1 s). A cycle
// writes one object of each kind for a node of its own, reads it back, changes it, reads it again, and removes it.
// Closed model. A read that does not show what the same VU has just written is a read-your-write violation, and an error
// as well. A schema without a service is left out and named. Power keeps its dry-run transitions: they are left behind.
//
//   profile  model   VUs         iterations/s  requests/s per service                                         created  left    duration
//   demo     closed  20 -> 40    40 -> 80      auth 120 -> 240, smd 400 -> 800, bss + cloud-init + discovery  2,520    360     8.5 s
//                                              200 -> 400, power 80 -> 160
//   quick    closed  100 -> 200  100 -> 200    auth 300 -> 600, smd 1,000 -> 2,000, bss + cloud-init +        122,500  17,500  2 min 40 s
//                                              discovery 500 -> 1,000, power 200 -> 400
//   full     closed  300 -> 600  50 -> 100     auth 150 -> 300, smd 500 -> 1,000, bss + cloud-init +          283,500  40,500  13 min
//                                              discovery 250 -> 500, power 100 -> 200
//   soak     closed  60          10            auth 30, smd 100, bss + cloud-init + discovery 50, power 20    256,200  36,600  1 h 2 min
import { Counter } from 'k6/metrics';
import { stressed } from './lib/api.js';
import { authorize } from './lib/credential.js';
import { kindOf, remove, storeKeyed } from './lib/objects.js';
import { begin, iterationNumber, pace } from './lib/pace.js';
import { call, judge, nodeCount, send, written } from './lib/request.js';
import { scenario, spec } from './lib/scenario.js';

scenario('database_stress', 1);
/** What is written in which schema; in an order in which nothing lacks what it refers to. */
const SCHEMAS = stressed().map(({ schema, object, verbs }) => ({
  schema,
  object,
  does: verbs,
  kind: kindOf(object, written(), verbs),
  tags: { schema },
}));
const NAMES = [...new Set(SCHEMAS.map(({ schema }) => schema))];
const violations = new Counter('chamiperf_violations');

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ vus }) => ({ database_stress: vus('writeAndRead') }),
  counts: NAMES.map((schema) => `chamiperf_violations{schema:${schema}}`),
  setup: (_, { whyAbsent }) => {
    const unavailable = NAMES.flatMap((what) => {
      const of = SCHEMAS.filter(({ schema }) => schema === what);
      const reason = of.map(({ object }) => whyAbsent(object)).find((why) => why);
      const endpoints = of.flatMap(({ object, does }) => does.map((verb) => `${object}-${verb}`));
      return reason ? [{ what, reason, endpoints }] : [];
    });
    return { unavailable, absent: unavailable.map(({ what }) => what) };
  },
  figures: (figures) =>
    NAMES.map((endpoint) => {
      const count = figures.count('chamiperf_violations', `schema:${endpoint}`);
      return figures.lowerIsBetter('read-your-write violations', 'reads', count, { endpoint });
    }),
});

/** @type {(setUp: import('./lib/setup.js').SetUp & {absent: string[]}) => void} */
export const writeAndRead = ({ credential, absent }) => {
  begin();
  authorize(credential);
  const node = nodeCount() + iterationNumber();
  const keys = SCHEMAS.map((entry) => (absent.includes(entry.schema) ? null : write(entry, node)));
  for (let i = keys.length - 1; i >= 0; i -= 1) {
    const [key, { kind, does }] = [keys[i], SCHEMAS[i]];
    if (key !== null && does.includes('delete')) remove(kind, node, key);
  }
  pace();
};

/** @type {(entry: typeof SCHEMAS[number], node: number) => string | null} the key of what was written */
const write = ({ kind, does, tags }, node) => {
  const key = storeKeyed(kind, node);
  if (key === null) return null;
  readBack(kind.to('get'), node, key, tags);
  if (does.includes('change') && call(kind.to('change'), node, key)) readBack(kind.toGetChanged(), node, key, tags);
  return key;
};

/** @type {(to: import('./lib/request.js').Endpoint, node: number, key: string, tags: {schema: string}) => void} */
const readBack = (to, node, key, tags) => {
  const answer = send(to, node, key);
  if (!judge(to, answer, node, key) && (answer.status === 200 || answer.status === 404)) violations.add(1, tags);
};
