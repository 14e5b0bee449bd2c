// Auth under load: tokens are requested at a rate while a boot storm runs; the storm runs alone for a while first.
// The tokens are an open model (arrivals/s in `from_rate`, `to_rate`), the storm a closed one. An answer is good when it
// holds a token, or starts the right kernel. What the storm loses is its latency with tokens over its latency alone.
//
//   parameter  grant  client-credentials (bcrypt on the server, so CPU-bound), dev-mode, or token-exchange
//              For client-credentials the account is CHAMIPERF_CLIENT_ID's, else one that is created and removed.
//              For token-exchange the foreign token is CHAMIPERF_SUBJECT_TOKEN.
//
//   profile  model  VUs    iterations/s  requests/s per service  created  left  duration
//   demo     open   100    1,020         auth 20, bss 1,000      1        0     10.5 s
//   quick    open   500    550           auth 50, bss 500        1        0     3 min 30 s
//   full     open   2,000  2,100         auth 100, bss 2,000     1        0     18 min
//   soak     open   500    520           auth 20, bss 500        1        0     1 h 12 min
import { grantBody } from './lib/credential.js';
import { begin, enterWindow, nextNode, pace, watchRequests } from './lib/pace.js';
import { asking, call, nodeCount, route } from './lib/request.js';
import { parameter, plan, scenario, spec } from './lib/scenario.js';

scenario('auth_under_load', 1);

const NODES = nodeCount();
const GRANT = parameter('grant', 'client-credentials');
const OWN_ACCOUNT = GRANT === 'client-credentials' && !__ENV.CHAMIPERF_CLIENT_ID;
const askForScript = asking(route('bootscript'));
const TOKEN = route('token');

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ vus, arrivals }) => ({ storm: vus('bootOneNode'), tokens: arrivals('fetchToken') }),
  makes: ['service-account'],
  // Each process of a split load has an account of its own: the server tells a secret once.
  setup: (_, { createAccount, shard }) => {
    const account = OWN_ACCOUNT ? createAccount(NODES + shard().index) : null;
    const lacking = OWN_ACCOUNT && !account;
    if (lacking) return { unavailable: [{ what: 'tokens', reason: 'no service account could be created' }] };
    return account ? { account } : {};
  },
  teardown: ({ account }, { removeAccount, shard }) => account && removeAccount(NODES + shard().index, account),
  figures: (figures) => {
    const count = figures.good('token', 'sustained');
    const { duration_s: seconds = 1 } = plan.load.phases.find(({ name }) => name === 'sustained') ?? {};
    const storm = figures.distribution('http_req_duration', 'name:bootscript', 'phase:sustained')?.count;
    const lost = ['p50', 'p95', 'p99'].flatMap((q) => {
      const change = figures.change('bootscript', q, 'alone', 'sustained');
      return change ? [figures.lowerIsBetter(`storm latency lost to tokens, ${q}`, '%', change, { count: storm })] : [];
    });
    return [figures.higherIsBetter('tokens', 'tokens/s', figures.rate(count, seconds), { count }), ...lost];
  },
});

export const bootOneNode = () => {
  begin();
  askForScript(nextNode(NODES));
  pace();
};

/** @type {string} */
let body;

/** @type {(setUp: import('./lib/setup.js').SetUp & {account?: import('./lib/setup.js').Account}) => void} */
export const fetchToken = ({ account }) => {
  if (OWN_ACCOUNT && !account) return;
  enterWindow();
  watchRequests();
  body ??= grantBody(GRANT, account);
  call(TOKEN, 0, undefined, body);
};
