// Objects that a script writes and removes: one node's component, interface, boot parameters, payload and the rest.
// A 409 does not mean that our data is stored, because BSS and Cloud-Init make rows by themselves: it is settled by
// list and PATCH.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { api } from './api.js';
import { declared, declaring } from './report.js';
import { endpoint, judge, send } from './request.js';

/** @typedef {import('./request.js').Endpoint} Endpoint */
/** @typedef {import('./request.js').Response} Response */

/** What may be tried again: somebody in between was busy. A 500 may have written. */
const BUSY = [429, 502, 503, 504];
const TRIES = 4;

const created = new Counter('chamiperf_created');
const resolved = new Counter('chamiperf_resolved');
const failed = new Counter('chamiperf_object_failed');
const removed = new Counter('chamiperf_removed');

/**
 * How one kind of object is written, read and removed.
 * @typedef {object} Kind
 * @property {string} name
 * @property {boolean} ours its key is our id, so it need not be looked up
 * @property {Endpoint} create
 * @property {Endpoint} find
 * @property {Endpoint} get
 * @property {Endpoint} patch
 * @property {Endpoint} put
 * @property {Endpoint} remove
 * @property {{kind: string}} tags
 */

/**
 * @param {string} name key of `objects` in api.json
 * @param {import('./identity.js').Names} names
 * @param {string[]} [measured] verbs whose latency belongs in the summary
 * @returns {Kind}
 */
export function kindOf(name, names, measured = []) {
  const { kind, service, path, key, find = '', body, patch } = api.objects[name];
  const one = `${path}/${key ?? '{key}'}`;
  if (declaring) declared.kinds.add(kind);
  /** @param {string} verb @param {Endpoint['method']} method @param {string} at @param {unknown} [content] */
  const to = (verb, method, at, content) =>
    endpoint({ name: `${name}-${verb}`, service, method, path: at, names, body: content, measured: measured.includes(verb) });
  return {
    name,
    ours: key !== undefined,
    create: to('create', 'POST', path, body),
    find: to('find', 'GET', path + find),
    get: to('get', 'GET', one),
    patch: to('patch', 'PATCH', one, patch),
    put: to('put', 'PUT', one, body),
    remove: to('delete', 'DELETE', one),
    tags: { kind },
  };
}

/**
 * Create an object, or make the one that is in its place ours.
 * @param {Kind} kind
 * @param {number} index
 * @returns {boolean} whether our data is stored
 */
export function store(kind, index) {
  return stored(kind, index, patiently(() => send(kind.create, index)));
}

/**
 * Judge and count the answer to a create.
 * @param {Kind} kind
 * @param {number} index
 * @param {Response} response
 * @returns {boolean} whether our data is stored
 */
export function stored(kind, index, response) {
  if (response.status === 409) {
    const settled = settle(kind, index);
    (settled ? resolved : failed).add(1, kind.tags);
    return settled;
  }
  const good = judge(kind.create, response, index);
  (good ? created : failed).add(1, kind.tags);
  return good;
}

/**
 * @param {Kind} kind
 * @param {number} index
 */
function settle(kind, index) {
  const key = kind.ours ? '' : keysOf(kind, index)?.[0];
  if (key === undefined) return false;
  const patched = patiently(() => send(kind.patch, index, key));
  if (patched.status !== 400) return judge(kind.patch, patched, index, key);
  // Whether PATCH takes every field is not known of each service; PUT does, and wants the ETag.
  const found = send(kind.get, index, key);
  if (!judge(kind.get, found, index, key)) return false;
  return judge(kind.put, sendIfMatch(kind.put, index, key, found.headers.Etag), index, key);
}

/**
 * @param {Endpoint} put
 * @param {number} index
 * @param {string} key
 * @param {string} etag
 */
export function sendIfMatch(put, index, key, etag) {
  const { headers } = put.params;
  put.params.headers = { ...headers, 'If-Match': etag };
  const response = send(put, index, key);
  put.params.headers = headers;
  return response;
}

/**
 * The server's ids of a node's objects.
 * @param {Kind} kind
 * @param {number} index
 * @returns {string[] | null} null if they could not be listed
 */
export function keysOf(kind, index) {
  const response = patiently(() => send(kind.find, index));
  if (!judge(kind.find, response, index)) return null;
  const { items } = /** @type {{items: {metadata: {id: string}}[]}} */ (/** @type {unknown} */ (response.json()));
  return items.map(({ metadata }) => metadata.id);
}

/**
 * The server's id of an object that was just created.
 * @param {Response} response
 */
export const keyIn = (response) => String(response.json('metadata.id'));

/**
 * Remove a node's objects of one kind; one that is gone already is fine.
 * @param {Kind} kind
 * @param {number} index
 * @returns {boolean}
 */
export function removeAll(kind, index) {
  const keys = kind.ours ? [''] : keysOf(kind, index);
  if (keys === null) failed.add(1, kind.tags);
  return keys !== null && keys.map((key) => remove(kind, index, key)).every(Boolean);
}

/**
 * @param {Kind} kind
 * @param {number} index
 * @param {string} key
 * @returns {boolean} whether it is gone
 */
export function remove(kind, index, key) {
  const response = patiently(() => send(kind.remove, index, key));
  if (response.status === 404) return true;
  const good = judge(kind.remove, response, index, key);
  (good ? removed : failed).add(1, kind.tags);
  return good;
}

/**
 * @param {() => Response} request
 * @returns {Response}
 */
function patiently(request) {
  let response = request();
  for (let tried = 1; tried < TRIES && BUSY.includes(response.status); tried += 1) {
    sleep(0.1 * 2 ** tried * (0.5 + Math.random()));
    response = request();
  }
  return response;
}
