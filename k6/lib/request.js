// One request: constant tags, judged by status and content, and counted only when it fails, so that a healthy run
// pays nothing for the counting. No check(): it would add a sample to every request.
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { identityOf, routeOf } from './api.js';
import { namesOf, template } from './identity.js';
import { asksOnly, isTimed, spent } from './pace.js';
import { declared, plan } from './plan.js';

/** @typedef {import('k6/http').RefinedResponse<'text'>} Response */
/** @typedef {import('./identity.js').Filled} Filled */
/** @typedef {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} Method */
/** @typedef {'status' | 'refused' | 'content' | 'no_answer'} Why */

/**
 * @typedef {object} Endpoint
 * @property {string} name value of k6's `name` tag
 * @property {string} service
 * @property {Method} method
 * @property {Filled} url
 * @property {Filled | null} body
 * @property {Filled[]} contains what a good answer contains
 * @property {import('./identity.js').Around | null} around the same with fixed text around it, where it is one text
 * @property {number | null} tolerates a status that is counted apart and is no failure
 * @property {[string, Filled][] | null} own headers that differ from node to node
 * @property {import('k6/http').RefinedParams<'text'> & {tags: Record<string, string>}} params
 */

const failed = new Counter('chamiperf_failed');
const apart = new Counter('chamiperf_apart');

/** @type {Record<string, string>} headers of requests that need a credential; credential.js keeps the one in it good */
export const authorized = { 'Content-Type': 'application/json' };
const OPEN = { 'Content-Type': 'application/json' };
/** Evidence is cut to so much. */
const MOST_BYTES = 512;
let gaveEvidence = false;

/**
 * Say what a request looks like and what a good answer is; once per script, not per request.
 * @param {object} given
 * @param {string} given.name
 * @param {string} given.service
 * @param {Method} given.method
 * @param {string} given.path template
 * @param {import('./identity.js').Names} given.names whose ids and MACs fill the templates
 * @param {unknown} [given.body] JSON value with templates in its strings
 * @param {boolean} [given.open] no credential is sent
 * @param {Record<string, string>} [given.headers] templates by name
 * @param {string[]} [given.contains] templates
 * @param {number} [given.tolerates]
 * @param {boolean} [given.measured] its latency belongs in the summary
 * @returns {Endpoint}
 */
export const endpoint = ({ name, service, method, path, names, body, contains = [], ...more }) => {
  const { open = false, headers, tolerates = null, measured = true } = more;
  const timeout = 1000 * (plan.load.request_timeout_s ?? 30);
  const withBody = method !== 'GET' && method !== 'DELETE';
  declared?.names.add(name);
  if (measured) declared?.endpoints.set(name, service);
  /** @type {Filled[]} */
  const texts = [];
  for (let i = 0; i < contains.length; i += 1) texts[i] = template(contains[i], names);
  return {
    name,
    service,
    method,
    url: template(plan.urls[service] + path, names),
    body: body === undefined ? null : template(JSON.stringify(body), names),
    contains: texts,
    around: texts.length === 1 ? (before, after) => template(contains[0], names, before, after) : null,
    tolerates,
    own: headers === undefined ? null : Object.entries(headers).map(([key, text]) => [key, template(text, names)]),
    params: {
      tags: { name },
      timeout,
      ...(open && !withBody ? {} : { headers: open ? OPEN : authorized }),
    },
  };
};

/** How many nodes were seeded: their indexes are 0 to this - 1; what the scenario writes starts here. */
export const nodeCount = () => plan.identities.nodes;

/** Names of the seeded nodes. */
export const seeded = () => namesOf(plan.identities.run_id, plan.identities.network, identityOf());

/** Names of the nodes that the scenario itself writes. */
export const written = () => namesOf(plan.identities.written_run_id, plan.identities.network, identityOf());

/**
 * An endpoint of the dialect, about seeded nodes unless it says otherwise.
 * @param {string} name key of `routes`
 * @param {Partial<Parameters<typeof endpoint>[0]>} [more]
 */
export const route = (name, more = {}) => endpoint({ name, names: seeded(), ...routeOf(name), ...more });

const { get, request } = http;
// k6's own judgement knows only the status and costs a sample per request; where a limit by hand asks for it, it stays.
if (!__ENV.CHAMIPERF_PLAN) http.setResponseCallback(http.expectedStatuses(200, 201, 202, 204, 207));
else http.setResponseCallback(/** @type {any} */ (null));

/**
 * Send a request and judge its answer.
 * @param {Endpoint} to
 * @param {number} index of the node that fills the templates
 * @param {string} [key] the server's id of the object
 * @param {string | null} [body] instead of the endpoint's own
 * @returns {Response | null} the answer if it is good, else null
 */
export const call = (to, index, key, body) => {
  const response = send(to, index, key, body);
  return judge(to, response, index, key) ? response : null;
};

/** @type {(to: Endpoint, index: number, key?: string) => Endpoint['params']} what goes with a request about a node */
export const paramsOf = ({ own, params }, index, key) =>
  own === null
    ? params
    : {
        ...params,
        headers: { ...params.headers, ...Object.fromEntries(own.map(([name, text]) => [name, text(index, key)])) },
      };

/**
 * As `call`, of a GET, made once per script. It is what a storm does most, so where a good answer contains one text it
 * touches as little as possible: between two turns of a VU ten thousand others have used the processor's caches, and each
 * function, object and property touched costs many times what a loop over it shows. What stands around the text is kept
 * from the first good answer, because to compare the whole costs less than to look up a method of a string.
 * @param {Endpoint} to
 * @param {{alone?: boolean}} [more] `alone`: the script's VUs ask for nothing else, so that the name can be their tag
 * @returns {(index: number) => Response | null}
 */
export const asking = (to, { alone = false } = {}) => {
  const { url, contains, around, own } = to;
  if (around === null || own !== null) return (index) => call(to, index);
  const { tags, ...untagged } = to.params;
  const params = alone ? untagged : to.params;
  if (alone) asksOnly(to.name);
  /** @type {Filled | null} the whole of a good answer */
  let whole = null;
  return (index) => {
    const response = get(url(index), params);
    if (isTimed) spent(response, tags);
    if (response.status === 200) {
      const body = response.body;
      if (whole !== null) {
        if (body === whole(index)) return response;
      } else {
        const text = contains[0](index);
        const at = body?.indexOf(text) ?? -1;
        if (body && at >= 0) whole = around(body.slice(0, at), body.slice(at + text.length));
      }
    }
    return judge(to, response, index) ? response : null;
  };
};

/**
 * Send a request without judging its answer.
 * @param {Endpoint} to
 * @param {number} index
 * @param {string} [key]
 * @param {string | null} [body]
 * @returns {Response}
 */
export const send = (to, index, key, body) => {
  const { method } = to;
  const params = to.own === null ? to.params : paramsOf(to, index, key);
  const url = to.url(index, key);
  const response =
    method === 'GET' ? get(url, params) : request(method, url, body ?? (to.body && to.body(index, key)), params);
  if (isTimed) spent(response, params.tags);
  return response;
};

/**
 * Whether an answer is good; if it is not, it is counted here.
 * @param {Endpoint} to
 * @param {Response} response
 * @param {number} index
 * @param {string} [key]
 * @returns {boolean}
 */
export const judge = (to, response, index, key) => {
  const { status } = response;
  if (status === 200 || (status > 200 && status < 300 && to.method !== 'GET')) {
    return shows(to, response, index, key) || fail(to, response, 'content');
  }
  if (status === 429) apart.add(1, { name: to.name, why: 'throttled' });
  else if (status === to.tolerates) apart.add(1, { name: to.name, why: 'tolerated' });
  else if (status === 401 || status === 403) fail(to, response, 'refused');
  else fail(to, response, status === 0 ? 'no_answer' : 'status');
  return false;
};

/**
 * Whether an answer holds what it should.
 * @param {Endpoint} to
 * @param {Response} response
 * @param {number} index
 * @param {string} [key]
 * @returns {boolean}
 */
export const shows = ({ contains }, response, index, key) => {
  const body = contains.length > 0 ? response.body : '';
  for (let i = 0; i < contains.length; i += 1) if (!body || !body.includes(contains[i](index, key))) return false;
  return true;
};

/**
 * An answer's body as JSON; null where it is none, such as a proxy's page: k6's own `json()` would throw, which ends the
 * iteration and counts nowhere as a failure.
 * @type {(response: Response) => any}
 */
export const jsonOf = ({ body }) => {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return null;
  }
};

/**
 * Count a failure. The first one of each VU is logged as evidence: a VU cannot hand text to handleSummary, and text in
 * a tag would be a time series per text.
 * @type {(to: Endpoint, response: Response, why: Why) => false}
 */
export const fail = (to, response, why) => {
  failed.add(1, { name: to.name, why });
  if (gaveEvidence) return false;
  gaveEvidence = true;
  const { status } = response;
  const error = response.error || (why === 'content' ? 'wrong content' : `status ${status}`);
  const body = (response.body ?? '').slice(0, MOST_BYTES);
  console.warn(`chamiperf-failure ${JSON.stringify({ endpoint: to.name, status, error, body })}`);
  return false;
};
