// One request: constant tags, judged by status and content, and counted only when it fails, so that a healthy run
// pays nothing for the counting. No check(): it would add a sample to every request.
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { credentialed } from './credential.js';
import { evidence } from './evidence.js';
import { spent } from './pace.js';
import { plan } from './plan.js';
import { declared, declaring } from './report.js';
import { template } from './template.js';

/** @typedef {import('k6/http').RefinedResponse<'text'>} Response */
/** @typedef {import('./template.js').Filled} Filled */
/** @typedef {'status' | 'content' | 'no_answer'} Why */

/**
 * @typedef {object} Endpoint
 * @property {string} name value of k6's `name` tag
 * @property {string} service
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {Filled} url
 * @property {Filled | null} body
 * @property {Filled[]} contains what a good answer contains
 * @property {number | null} tolerates a status that is counted apart and is no failure
 * @property {import('k6/http').RefinedParams<'text'>} params
 * @property {Record<string, string>} tags
 * @property {Record<Why, Record<string, string>>} why
 */

const failed = new Counter('chamiperf_failed');
const throttled = new Counter('chamiperf_throttled');
const refused = new Counter('chamiperf_refused');
const tolerated = new Counter('chamiperf_tolerated');

/**
 * Say what a request looks like and what a good answer is; once per script, not per request.
 * @param {object} given
 * @param {string} given.name
 * @param {string} given.service
 * @param {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} given.method
 * @param {string} given.path template
 * @param {import('./identity.js').Names} given.names whose ids and MACs fill the templates
 * @param {unknown} [given.body] JSON value with templates in its strings
 * @param {boolean} [given.open] no credential is sent
 * @param {string[]} [given.contains] templates
 * @param {number} [given.tolerates]
 * @param {boolean} [given.measured] its latency belongs in the summary
 * @returns {Endpoint}
 */
export function endpoint(given) {
  const { name, service, method, path, names, body, open = false, contains = [], tolerates, measured = true } = given;
  const tags = { name };
  const timeout = `${plan.load.request_timeout_s ?? 30}s`;
  if (declaring && measured) declared.endpoints.set(name, { name, service });
  return {
    name,
    service,
    method,
    url: template(plan.urls[service] + path, names),
    body: body === undefined ? null : template(JSON.stringify(body), names),
    contains: contains.map((text) => template(text, names)),
    tolerates: tolerates ?? null,
    params: { tags, timeout, headers: open ? OPEN[method] : credentialed(), responseType: 'text' },
    tags,
    why: { status: { name, why: 'status' }, content: { name, why: 'content' }, no_answer: { name, why: 'no_answer' } },
  };
}

const JSON_BODY = { 'Content-Type': 'application/json' };
/** @type {Record<Endpoint['method'], Record<string, string>>} */
const OPEN = { GET: {}, DELETE: {}, POST: JSON_BODY, PUT: JSON_BODY, PATCH: JSON_BODY };

/**
 * Send a request and judge its answer.
 * @param {Endpoint} to
 * @param {number} index of the node that fills the templates
 * @param {string} [key] the server's id of the object
 * @param {string | null} [body] instead of the endpoint's own
 * @returns {Response | null} the answer if it is good, else null
 */
export function call(to, index, key, body) {
  const response = send(to, index, key, body);
  return judge(to, response, index, key) ? response : null;
}

/**
 * Send a request without judging its answer.
 * @param {Endpoint} to
 * @param {number} index
 * @param {string} [key]
 * @param {string | null} [body]
 * @returns {Response}
 */
export function send(to, index, key, body) {
  const url = to.url(index, key);
  const response =
    to.method === 'GET'
      ? http.get(url, to.params)
      : http.request(to.method, url, body ?? (to.body && to.body(index, key)), to.params);
  spent(response);
  return response;
}

/**
 * Whether an answer is good, without counting it.
 * @param {Endpoint} to
 * @param {Response} response
 * @param {number} index
 * @param {string} [key]
 */
export const isGood = (to, { status, body }, index, key) =>
  status === 200 && to.contains.every((text) => body !== null && body.includes(text(index, key)));

/**
 * Whether an answer is good; if it is not, it is counted here.
 * @param {Endpoint} to
 * @param {Response} response
 * @param {number} index
 * @param {string} [key]
 * @returns {boolean}
 */
export function judge(to, response, index, key) {
  const { status } = response;
  if (status === 200 || (status > 200 && status < 300 && to.method !== 'GET')) {
    const { body } = response;
    for (const text of to.contains) {
      if (body === null || !body.includes(text(index, key))) return fail(to, response, 'content');
    }
    return true;
  }
  if (status === 429) throttled.add(1, to.tags);
  else if (status === to.tolerates) tolerated.add(1, to.tags);
  else {
    if (status === 401 || status === 403) refused.add(1, to.tags);
    fail(to, response, status === 0 ? 'no_answer' : 'status');
  }
  return false;
}

/**
 * @param {Endpoint} to
 * @param {Response} response
 * @param {Why} why
 * @returns {false}
 */
function fail(to, response, why) {
  failed.add(1, to.why[why]);
  evidence(to.name, response, why);
  return false;
}
