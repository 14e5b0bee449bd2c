// Auth under load: tokens are requested at a rate while a boot storm runs; the storm runs alone for a while first.
// The tokens are an open model (arrivals/s in `from_rate`, `to_rate`), the storm a closed one. An answer is good when it
// holds a token, or starts the right kernel. What the storm loses is its latency with tokens over its latency alone.
//
//   parameter  grant  client-credentials (bcrypt on the server, so CPU-bound), dev-mode, or token-exchange
//              For client-credentials the account is CHAMIPERF_CLIENT_ID's, else one that is created and removed.
//              For token-exchange the foreign token is CHAMIPERF_SUBJECT_TOKEN.
//
//   profile  storm VUs   tokens/s   requests/s   duration     (open; creates one service account)
//   demo     100         20         1,020        10.5 s
//   quick    500         50         550          3 min 30 s
//   full     2,000       100        2,100        18 min
//   soak     500         20         520          72 min
import { accounts, createAccount, removeAccount } from './lib/accounts.js';
import { grantBody } from './lib/credential.js';
import { figures, less, more } from './lib/figures.js';
import { nodeCount, route } from './lib/nodes.js';
import { arrivals, optionsOf, vus } from './lib/options.js';
import { begin, iterationNumber, pace } from './lib/pace.js';
import { parameter, plan, scenario } from './lib/plan.js';
import { call } from './lib/request.js';
import { cleanUp, prepare } from './lib/seeding.js';
import { enterWindow } from './lib/windows.js';

scenario('auth_under_load', 1);

const NODES = nodeCount();
const GRANT = parameter('grant', 'client-credentials');
const OWN_ACCOUNT = GRANT === 'client-credentials' && !__ENV.CHAMIPERF_CLIENT_ID;
const ACCOUNT = accounts();
const BOOTSCRIPT = route('bootscript');
const TOKEN = route('token');

/** VUs suffice for token requests of 2 s. */
export const options = optionsOf({ storm: vus('bootOneNode'), tokens: arrivals('fetchToken', 2) });
export { handleSummary } from './lib/summary.js';

/** @typedef {import('./lib/seeding.js').SetUp & {account: import('./lib/accounts.js').Account | null}} SetUp */

/** @returns {SetUp} */
export function setup() {
  const setUp = prepare();
  const account = OWN_ACCOUNT ? createAccount(ACCOUNT, NODES) : null;
  if (OWN_ACCOUNT && !account) setUp.unavailable.push({ what: 'tokens', reason: 'no service account could be created' });
  return { ...setUp, account };
}

export function bootOneNode() {
  begin();
  call(BOOTSCRIPT, iterationNumber() % NODES);
  pace();
}

/** @type {string} */
let body;

/** @param {SetUp} setUp */
export function fetchToken({ account }) {
  if (OWN_ACCOUNT && !account) return;
  enterWindow();
  body ??= grantBody(GRANT, account ?? {});
  call(TOKEN, 0, undefined, body);
}

/** @param {SetUp} setUp */
export function teardown(setUp) {
  if (setUp.account) removeAccount(ACCOUNT, NODES, setUp.account);
  cleanUp(setUp);
}

figures((k6) => {
  const at = (/** @type {string} */ phase) => k6.distribution('http_req_duration', 'name:bootscript', `phase:${phase}`);
  const alone = at('alone');
  const loaded = at('sustained');
  const tokens = k6.distribution('http_req_duration', 'name:token', 'phase:sustained')?.count ?? 0;
  const seconds = plan.load.phases.find(({ name }) => name === 'sustained')?.duration_s ?? 0;
  const lost = ['p50', 'p95', 'p99'].map((q) =>
    less(`storm latency lost to tokens, ${q}`, '%', alone && loaded ? 100 * (loaded.quantiles[q] / alone.quantiles[q] - 1) : 0, { count: loaded?.count ?? 0 }),
  );
  return [more('tokens', 'tokens/s', tokens / seconds, { count: tokens }), ...(alone && loaded ? lost : [])];
});
