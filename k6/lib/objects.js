// Objects that a script writes and removes: one node's component, interface, boot parameters, payload and the rest.
// A 409 does not mean that our data is stored, because BSS and Cloud-Init make rows by themselves: it is settled by
// list and PATCH.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { shapeOf } from './api.js';
import { endpoint, judge, send } from './request.js';
import { declared } from './scenario.js';

/** @typedef {import('./request.js').Endpoint} Endpoint */
/** @typedef {import('./request.js').Response} Response */

/** What may be tried again: somebody in between was busy. A 500 may have written. */
const BUSY = [429, 502, 503, 504];
const TRIES = 4;

const objects = new Counter('chamiperf_objects');

/**
 * How one kind of object is written, read and removed.
 * @typedef {object} Kind
 * @property {boolean} ours its key is our id, so it need not be looked up
 * @property {Record<'created' | 'resolved' | 'failed' | 'removed', Record<string, string>>} tags
 * @property {Endpoint} create
 * @property {Endpoint} find lists a node's objects
 * @property {Endpoint} get
 * @property {Endpoint} getChanged
 * @property {Endpoint} change
 * @property {Endpoint} patch makes it ours
 * @property {boolean} yields a PATCH can make it ours
 * @property {Endpoint} put
 * @property {Endpoint} remove
 */

/**
 * @param {string} name key of `objects` in api.json
 * @param {import('./identity.js').Names} names
 * @param {string[]} [measured] verbs whose latency belongs in the summary
 * @param {Record<string, number>} [tolerates] by verb, a status that is counted apart and is no failure
 * @returns {Kind}
 */
export const kindOf = (name, names, measured = [], tolerates = {}) => {
  const { kind, service, path, key, get, find = '', body, patch = [], mark, change, changed } = shapeOf(name);
  const one = `${path}/${key ?? '{key}'}`;
  const read = get === undefined ? one : path + get;
  declared?.kinds.add(kind);
  /** @type {(verb: string, method: Endpoint['method'], at: string, more?: object) => Endpoint} */
  const to = (verb, method, at, more) => {
    const of = { name: `${name}-${verb}`, measured: measured.includes(verb), tolerates: tolerates[verb] };
    return endpoint({ ...of, service, method, path: at, names, ...more });
  };
  return {
    ours: key !== undefined,
    yields: patch.length > 0,
    tags: {
      created: { kind, what: 'created' },
      resolved: { kind, what: 'resolved' },
      failed: { kind, what: 'failed' },
      removed: { kind, what: 'removed' },
    },
    create: to('create', 'POST', path, { body }),
    find: to('find', 'GET', path + find),
    get: to('get', 'GET', read, { contains: mark }),
    getChanged: to('get', 'GET', read, { contains: changed }),
    change: to('change', 'PATCH', one, { body: change }),
    patch: to('patch', 'PATCH', one, { body: Object.fromEntries(patch.map((field) => [field, body[field]])) }),
    put: to('put', 'PUT', one, { body, contains: mark }),
    remove: to('delete', 'DELETE', one),
  };
};

/**
 * Create an object, or make the one that is in its place ours.
 * @type {(kind: Kind, index: number) => boolean} whether our data is stored
 */
export const store = (kind, index) => stored(kind, index, patiently(() => send(kind.create, index)));

/**
 * As `store`, for who needs the object's key afterwards.
 * @type {(kind: Kind, index: number) => string | null} the server's id; null if our data is not stored
 */
export const storeKeyed = (kind, index) => {
  const response = patiently(() => send(kind.create, index));
  if (!stored(kind, index, response)) return null;
  if (kind.ours) return '';
  return response.status === 409 ? (keysOf(kind, index)?.[0] ?? null) : String(response.json('metadata.id'));
};

/**
 * Store a node's objects, one kind after the other, up to the first that fails.
 * @type {(kinds: Kind[], index: number) => string[]} the keys of what is stored, in the order of the kinds
 */
export const storeInOrder = (kinds, index) => {
  const keys = [];
  for (const kind of kinds) {
    const key = storeKeyed(kind, index);
    if (key === null) break;
    keys.push(key);
  }
  return keys;
};

/**
 * Judge and count the answer to a create.
 * @type {(kind: Kind, index: number, response: Response) => boolean} whether our data is stored
 */
export const stored = (kind, index, response) => {
  if (response.status === 409) {
    const settled = settle(kind, index);
    objects.add(1, settled ? kind.tags.resolved : kind.tags.failed);
    return settled;
  }
  const good = judge(kind.create, response, index);
  objects.add(1, good ? kind.tags.created : kind.tags.failed);
  return good;
};

/**
 * Count objects that were created by other means than `store`.
 * @type {(kind: Kind, count: number) => void}
 */
export const countCreated = (kind, count) => objects.add(count, kind.tags.created);

/** @type {(kind: Kind, index: number) => boolean} */
const settle = (kind, index) => {
  const key = kind.ours ? '' : keysOf(kind, index)?.[0];
  if (key === undefined || !kind.yields) return false;
  const patched = patiently(() => send(kind.patch, index, key));
  if (patched.status !== 400) return judge(kind.patch, patched, index, key);
  // Whether PATCH takes every field is not known of each service; PUT does, and wants the ETag.
  const found = send(kind.get, index, key);
  if (!judge(kind.get, found, index, key)) return false;
  return judge(kind.put, sendIfMatch(kind.put, index, key, found.headers.Etag), index, key);
};

/** @type {(put: Endpoint, index: number, key: string, etag: string) => Response} */
export const sendIfMatch = (put, index, key, etag) => {
  const { headers } = put.params;
  put.params.headers = { ...headers, 'If-Match': etag };
  const response = send(put, index, key);
  put.params.headers = headers;
  return response;
};

/**
 * The server's ids of a node's objects.
 * @param {Kind} kind
 * @param {number} index
 * @param {Response} [answer] where the list was asked for already
 * @returns {string[] | null} null if they could not be listed
 */
export const keysOf = (kind, index, answer) => {
  const response = answer ?? patiently(() => send(kind.find, index));
  if (!judge(kind.find, response, index)) return null;
  const { items } = /** @type {{items: {metadata: {id: string}}[]}} */ (/** @type {unknown} */ (response.json()));
  return items.map(({ metadata }) => metadata.id);
};

/**
 * Remove a node's objects of one kind; one that is gone already is fine.
 * @type {(kind: Kind, index: number) => boolean} whether they are gone
 */
export const removeAll = (kind, index) => {
  const keys = kind.ours ? [''] : keysOf(kind, index);
  if (keys === null) objects.add(1, kind.tags.failed);
  return keys !== null && keys.map((key) => remove(kind, index, key)).every(Boolean);
};

/**
 * Remove what `storeInOrder` stored, last first.
 * @type {(kinds: Kind[], index: number, keys: string[]) => void}
 */
export const removeInReverse = (kinds, index, keys) => {
  for (let i = keys.length - 1; i >= 0; i -= 1) remove(kinds[i], index, keys[i]);
};

/** @type {(kind: Kind, index: number, key: string) => boolean} whether it is gone */
export const remove = (kind, index, key) =>
  removed(kind, index, key, patiently(() => send(kind.remove, index, key)));

/**
 * Judge and count the answer to a delete.
 * @type {(kind: Kind, index: number, key: string, response: Response) => boolean} whether it is gone
 */
export const removed = (kind, index, key, response) => {
  if (response.status === 404) return true;
  const good = judge(kind.remove, response, index, key);
  objects.add(1, good ? kind.tags.removed : kind.tags.failed);
  return good;
};

/** @type {(request: () => Response) => Response} */
const patiently = (request) => {
  let response = request();
  for (let tried = 1; tried < TRIES && BUSY.includes(response.status); tried += 1) {
    sleep(0.1 * 2 ** tried * (0.5 + Math.random()));
    response = request();
  }
  return response;
};
