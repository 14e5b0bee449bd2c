// Objects that a script writes and removes: one node's component, interface, boot parameters, payload and the rest.
// A 409 does not mean that our data is stored, because BSS and Cloud-Init make rows by themselves: it is settled by
// list and PATCH.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { api } from './api.js';
import { plan } from './plan.js';
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
const gone = new Counter('chamiperf_removed');

/**
 * How one kind of object is written, read and removed.
 * @typedef {object} Kind
 * @property {string} name
 * @property {boolean} ours its key is our id, so it need not be looked up
 * @property {Endpoint} create
 * @property {Endpoint} find
 * @property {Endpoint} list
 * @property {Endpoint} get
 * @property {Endpoint} getChanged
 * @property {Endpoint} change
 * @property {Endpoint} patch
 * @property {Endpoint} put
 * @property {Endpoint} remove
 * @property {{kind: string}} tags
 */

/**
 * @param {string} name key of `objects` in api.json
 * @param {import('./identity.js').Names} names
 * @param {string[]} [measured] verbs whose latency belongs in the summary
 * @param {Record<string, number>} [tolerates] by verb, a status that is counted apart and is no failure
 * @returns {Kind}
 */
export function kindOf(name, names, measured = [], tolerates = {}) {
  const { kind, service, path, key, get, find = '', body, patch, mark, change, changed = [] } = api.objects[name];
  const one = `${path}/${key ?? '{key}'}`;
  const read = get === undefined ? one : path + get;
  if (declaring) declared.kinds.add(kind);
  /** @param {string} verb @param {Endpoint['method']} method @param {string} at @param {object} [more] */
  const to = (verb, method, at, more = {}) =>
    endpoint({
      name: `${name}-${verb}`,
      service,
      method,
      path: at,
      names,
      measured: measured.includes(verb),
      tolerates: tolerates[verb],
      ...more,
    });
  return {
    name,
    ours: key !== undefined,
    create: to('create', 'POST', path, { body }),
    find: to('find', 'GET', path + find),
    list: to('list', 'GET', `${path}?limit=1`),
    get: to('get', 'GET', read, { contains: mark }),
    getChanged: to('get', 'GET', read, { contains: changed }),
    patch: to('patch', 'PATCH', one, { body: patch && Object.fromEntries(patch.map((field) => [field, body[field]])) }),
    change: to('change', 'PATCH', one, { body: change }),
    put: to('put', 'PUT', one, { body, contains: mark }),
    remove: to('delete', 'DELETE', one),
    tags: { kind },
  };
}

/**
 * Whether the stack has a kind of object at all.
 * @param {Kind} kind
 * @returns {string} empty if it has, else why it has not
 */
export function whyAbsent(kind) {
  if (!plan.urls[kind.create.service]) return 'no URL is given';
  const { status, error } = send(kind.list, 0);
  if (status === 0) return error;
  return status === 404 || status === 405 || status === 501 ? `answers ${status}` : '';
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
 * As `store`, for who needs the object's key afterwards.
 * @param {Kind} kind
 * @param {number} index
 * @returns {string | null} the server's id; null if our data is not stored
 */
export function storeKeyed(kind, index) {
  const response = patiently(() => send(kind.create, index));
  if (!stored(kind, index, response)) return null;
  if (kind.ours) return '';
  return response.status === 409 ? (keysOf(kind, index)?.[0] ?? null) : String(response.json('metadata.id'));
}

/**
 * Store a node's objects, one kind after the other, up to the first that fails.
 * @param {Kind[]} kinds
 * @param {number} index
 * @returns {string[]} the keys of what is stored, in the order of the kinds
 */
export function storeInOrder(kinds, index) {
  const keys = [];
  for (const kind of kinds) {
    const key = storeKeyed(kind, index);
    if (key === null) break;
    keys.push(key);
  }
  return keys;
}

/**
 * Remove what `storeInOrder` stored, last first.
 * @param {Kind[]} kinds
 * @param {number} index
 * @param {string[]} keys
 */
export function removeInReverse(kinds, index, keys) {
  for (let i = keys.length - 1; i >= 0; i -= 1) remove(kinds[i], index, keys[i]);
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
 * Count objects that were created by other means than `store`.
 * @param {Kind} kind
 * @param {number} count
 */
export function countCreated(kind, count) {
  created.add(count, kind.tags);
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
 * @param {Response} [answer] where the list was asked for already
 * @returns {string[] | null} null if they could not be listed
 */
export function keysOf(kind, index, answer) {
  const response = answer ?? patiently(() => send(kind.find, index));
  if (!judge(kind.find, response, index)) return null;
  const { items } = /** @type {{items: {metadata: {id: string}}[]}} */ (/** @type {unknown} */ (response.json()));
  return items.map(({ metadata }) => metadata.id);
}

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
  return removed(kind, index, key, patiently(() => send(kind.remove, index, key)));
}

/**
 * Judge and count the answer to a delete.
 * @param {Kind} kind
 * @param {number} index
 * @param {string} key
 * @param {Response} response
 * @returns {boolean} whether it is gone
 */
export function removed(kind, index, key, response) {
  if (response.status === 404) return true;
  const good = judge(kind.remove, response, index, key);
  (good ? gone : failed).add(1, kind.tags);
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
