// Database stress: writes and reads across all six schemas (smd, bss, cloudinit, discovery, power, auth), one cycle per
// pace. A cycle writes one object of each kind for a node of its own, reads it back, changes it, reads it again, and
// removes everything. Closed model: so many clients write at the same time.
// A read that does not show what the same VU has just written is a read-your-write violation, and an error as well.
// A schema whose service is not there is left out and named. Power keeps its dry-run transitions: they are left behind.
//
//   profile  VUs sustained, spike   requests/s sustained, spike   duration     (closed; leaves transitions)
//   demo     20, 40                 1,100, 2,200 (pace 0.5 s)     8.5 s
//   quick    100, 200               2,700, 5,400                  2 min 40 s
//   full     300, 600               8,100, 16,200                 13 min
//   soak     50, none               1,350, none                   62 min
import { Counter } from 'k6/metrics';

import { authorize } from './lib/credential.js';
import { countedBy, figures, less } from './lib/figures.js';
import { nodeCount, written } from './lib/nodes.js';
import { kindOf, remove, storeKeyed, whyAbsent } from './lib/objects.js';
import { optionsOf, vus } from './lib/options.js';
import { begin, iterationNumber, pace } from './lib/pace.js';
import { scenario } from './lib/plan.js';
import { call, judge, send } from './lib/request.js';
import { share } from './lib/seeding.js';

scenario('database_stress', 1);

const FIRST = nodeCount();
/** What is written in which schema; in an order in which nothing lacks what it refers to. */
const SCHEMAS = [
  { schema: 'smd', object: 'component', does: ['create', 'get', 'change', 'delete'] },
  { schema: 'smd', object: 'interface', does: ['create', 'get', 'change', 'delete'] },
  { schema: 'bss', object: 'bootparams', does: ['create', 'get', 'change', 'delete'] },
  { schema: 'cloudinit', object: 'payload', does: ['create', 'get', 'change', 'delete'] },
  { schema: 'discovery', object: 'target', does: ['create', 'get', 'change', 'delete'] },
  { schema: 'power', object: 'transition', does: ['create', 'get'] },
  { schema: 'auth', object: 'service-account', does: ['create', 'get', 'delete'] },
].map(({ schema, object, does }) => ({ schema, does, kind: kindOf(object, written(), does), tags: { schema } }));
const NAMES = [...new Set(SCHEMAS.map(({ schema }) => schema))];
const VIOLATIONS = 'chamiperf_violations';
const violations = new Counter(VIOLATIONS);
for (const schema of NAMES) countedBy(VIOLATIONS, `schema:${schema}`);

export const options = optionsOf({ database_stress: vus('writeAndRead') });
export { handleSummary } from './lib/summary.js';

/** @typedef {import('./lib/seeding.js').SetUp & {absent: string[]}} SetUp */

/** @returns {SetUp} */
export function setup() {
  const setUp = share();
  authorize(setUp.credential);
  const found = SCHEMAS.map(({ schema, kind }) => ({ what: schema, reason: whyAbsent(kind) }));
  const unavailable = found.filter(({ reason }) => reason);
  return { ...setUp, unavailable, absent: unavailable.map(({ what }) => what) };
}

/** @param {SetUp} setUp */
export function writeAndRead({ credential, absent }) {
  begin();
  authorize(credential);
  const node = FIRST + iterationNumber();
  const keys = SCHEMAS.map((entry) => (absent.includes(entry.schema) ? null : write(entry, node)));
  for (let i = keys.length - 1; i >= 0; i -= 1) {
    const key = keys[i];
    if (key !== null && SCHEMAS[i].does.includes('delete')) remove(SCHEMAS[i].kind, node, key);
  }
  pace();
}

/**
 * @param {typeof SCHEMAS[number]} entry
 * @param {number} node
 */
function write({ kind, does, tags }, node) {
  const key = storeKeyed(kind, node);
  if (key === null) return null;
  readBack(kind.get, node, key, tags);
  if (does.includes('change') && call(kind.change, node, key)) readBack(kind.getChanged, node, key, tags);
  return key;
}

/** @type {(to: import('./lib/request.js').Endpoint, node: number, key: string, tags: {schema: string}) => void} */
function readBack(to, node, key, tags) {
  const answer = send(to, node, key);
  if (!judge(to, answer, node, key) && (answer.status === 200 || answer.status === 404)) violations.add(1, tags);
}

figures((k6) => NAMES.map((schema) => less('read-your-write violations', 'reads', k6.count(VIOLATIONS, `schema:${schema}`), { endpoint: schema })));
