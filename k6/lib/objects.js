// Objects that a script writes and removes: one node's component, interface, boot parameters, payload and the rest.
// A 409 does not mean that our data is stored, because BSS and Cloud-Init make rows by themselves: it is settled by
// list and PATCH, or by PUT where the dialect says so. Some dialects have another status for it.
import { sleep } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { routeOf, seedOrder, shapeOf } from './api.js';
import { authorize } from './credential.js';
import { template } from './identity.js';
import { isTimed, spent } from './pace.js';
import { declared } from './plan.js';
import { endpoint, fail, jsonOf, judge, paramsOf, route, send } from './request.js';

/** @typedef {import('./request.js').Endpoint} Endpoint */
/** @typedef {import('./request.js').Response} Response */

/** What may be tried again: somebody in between was busy. A 500 may have written. */
const BUSY = [429, 502, 503, 504];
const TRIES = 4;

const objects = new Counter('chamiperf_objects');

/** @typedef {import('./api.js').Verb} Verb */

/** @type {Record<Verb, (shape: import('./api.js').Shape, one: string) => object>} what an endpoint's request looks like */
const REQUESTS = {
  create: ({ path, body }) => ({ method: 'POST', path, body }),
  find: ({ path, find }) => ({ method: 'GET', path: path + find }),
  get: ({ path, get, mark }, one) => ({ method: 'GET', path: get === undefined ? one : path + get, contains: mark }),
  change: ({ change }, one) => ({ method: 'PATCH', path: one, body: change }),
  patch: ({ body, patch = [] }, one) => ({ method: 'PATCH', path: one, body: pick(body, patch) }),
  put: ({ body, mark }, one) => ({ method: 'PUT', path: one, body, contains: mark }),
  delete: (_, one) => ({ method: 'DELETE', path: one }),
};

/** @type {(body: any, path: string) => unknown} what stands at a path such as `metadata.id` */
const fieldOf = (body, path) => path.split('.').reduce((part, name) => part?.[name], body);

/** @type {(body: Record<string, unknown>, fields: string[]) => Record<string, unknown>} */
const pick = (body, fields) => Object.fromEntries(fields.map((field) => [field, body[field]]));

/** How one kind of object is written, read and removed. Endpoints are made when first asked for: few VUs need many. */
class Kind {
  /**
   * @param {string} name key of `objects` in the dialect
   * @param {import('./identity.js').Names} names
   * @param {Verb[]} measured
   * @param {Partial<Record<Verb, number>>} tolerates
   */
  constructor(name, names, measured, tolerates) {
    const { kind, key, find, patch = [], conflict = [409], gone = [404], settle, removable = true, id } = shapeOf(name);
    this.name = name;
    this.names = names;
    this.measured = measured;
    this.tolerates = tolerates;
    /** Its key is our id, so it need not be looked up. */
    this.ours = key !== undefined;
    /** A PATCH can make an object that is in its place ours. */
    this.yields = patch.length > 0;
    /** A PUT can. */
    this.puts = settle === 'put';
    this.conflict = conflict;
    this.gone = gone;
    this.removable = removable;
    /** Its keys can be had: by the formula, or from a list of the node's. */
    this.known = key !== undefined || find !== undefined;
    /** Where an object's key stands in it. */
    this.id = id ?? 'metadata.id';
    /** Another object's creation makes it, so that it is only removed; see `seedKinds`. */
    this.implied = false;
    this.tags = {
      created: { kind, what: 'created' },
      resolved: { kind, what: 'resolved' },
      failed: { kind, what: 'failed' },
      removed: { kind, what: 'removed' },
    };
    /** @type {Record<string, Endpoint>} */
    this.made = {};
    declared?.kinds.add(kind);
  }

  /**
   * @param {Verb} verb
   * @returns {Endpoint}
   */
  to(verb) {
    return (this.made[verb] ??= this.endpoint(verb));
  }

  /** The endpoint that reads an object after `change`. */
  toGetChanged() {
    return (this.made.changed ??= this.endpoint('get', { contains: shapeOf(this.name).changed }));
  }

  /**
   * @param {Verb} verb
   * @param {object} [more]
   */
  endpoint(verb, more) {
    const shape = shapeOf(this.name);
    const one = shape.one ?? `${shape.path}/{key}`;
    const asked = { ...REQUESTS[verb](shape, one), ...shape.requests?.[verb] };
    const request = shape.key === undefined ? asked : JSON.parse(JSON.stringify(asked).replaceAll('{key}', shape.key));
    const of = {
      name: `${this.name}-${verb}`,
      measured: this.measured.includes(verb),
      tolerates: this.tolerates[verb],
    };
    return endpoint({ ...of, service: shape.service, names: this.names, ...request, ...more });
  }
}

/**
 * @param {string} name key of `objects` in the dialect
 * @param {import('./identity.js').Names} names
 * @param {Verb[]} [measured] verbs whose latency belongs in the summary
 * @param {Partial<Record<Verb, number>>} [tolerates] by verb, a status that is counted apart and is no failure
 * @returns {Kind}
 */
export const kindOf = (name, names, measured = [], tolerates = {}) => {
  const kind = new Kind(name, names, measured, tolerates);
  // What is measured must be known before k6 asks for options; of the rest, the names count as possible time series.
  if (declared) for (const verb of /** @type {Verb[]} */ (Object.keys(REQUESTS))) kind.to(verb);
  return kind;
};

/**
 * The objects of a node, in the order in which they are created.
 * @param {import('./identity.js').Names} names
 * @param {Verb[]} [measured]
 * @returns {Kind[]}
 */
export const seedKinds = (names, measured = []) =>
  seedOrder().map((name) => {
    const { implied = false } = shapeOf(name);
    const kind = kindOf(name, names, implied ? measured.filter((verb) => verb !== 'create') : measured);
    kind.implied = implied;
    return kind;
  });

/**
 * Create an object, or make the one that is in its place ours.
 * @type {(kind: Kind, index: number) => boolean} whether our data is stored
 */
export const store = (kind, index) =>
  kind.implied ||
  stored(
    kind,
    index,
    patiently(() => send(kind.to('create'), index)),
  );

/**
 * As `store`, for who needs the object's key afterwards.
 * @type {(kind: Kind, index: number) => string | null} the server's id; null if our data is not stored
 */
export const storeKeyed = (kind, index) => {
  if (kind.implied) return '';
  const response = patiently(() => send(kind.to('create'), index));
  if (!stored(kind, index, response)) return null;
  if (kind.ours) return '';
  if (kind.conflict.includes(response.status)) return keysOf(kind, index)?.[0] ?? null;
  const key = fieldOf(jsonOf(response), kind.id);
  if (typeof key === 'string') return key;
  fail(kind.to('create'), response, 'content');
  return null;
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
  if (kind.conflict.includes(response.status)) {
    const settled = settle(kind, index);
    objects.add(1, settled ? kind.tags.resolved : kind.tags.failed);
    return settled;
  }
  const good = judge(kind.to('create'), response, index);
  objects.add(1, good ? kind.tags.created : kind.tags.failed);
  return good;
};

/**
 * The bulk route of a kind, and its body for some nodes.
 * @type {(kind: Kind, name: string) => {to: Endpoint, body: (nodes: number[]) => string}}
 */
export const bulkOf = (kind, name) => {
  const { items: field } = routeOf(name);
  const item = template(JSON.stringify(shapeOf(kind.name).body), kind.names);
  /** @param {number[]} nodes */
  const listed = (nodes) => `[${nodes.map((node) => item(node)).join(',')}]`;
  return {
    to: route(name, { names: kind.names }),
    body: (nodes) => (field ? `{"${field}":${listed(nodes)}}` : listed(nodes)),
  };
};

/**
 * Count objects that were created by other means than `store`.
 * @type {(kind: Kind, count: number) => void}
 */
export const countCreated = (kind, count) => objects.add(count, kind.tags.created);

/** @type {(kind: Kind, index: number) => boolean} */
const settle = (kind, index) => {
  if (kind.puts) {
    return judge(
      kind.to('put'),
      patiently(() => send(kind.to('put'), index, '')),
      index,
    );
  }
  const key = kind.ours ? '' : keysOf(kind, index)?.[0];
  if (key === undefined || !kind.yields) return false;
  const patched = patiently(() => send(kind.to('patch'), index, key));
  if (patched.status !== 400) return judge(kind.to('patch'), patched, index, key);
  // Whether PATCH takes every field is not known of each service; PUT does, and wants the ETag.
  const found = send(kind.to('get'), index, key);
  if (!judge(kind.to('get'), found, index, key)) return false;
  return judge(kind.to('put'), sendIfMatch(kind.to('put'), index, key, found.headers.Etag), index, key);
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
  const response = answer ?? patiently(() => send(kind.to('find'), index));
  if (!judge(kind.to('find'), response, index)) return null;
  const items = jsonOf(response)?.items;
  if (Array.isArray(items)) return items.map((item) => item?.metadata?.id).filter((id) => typeof id === 'string');
  fail(kind.to('find'), response, 'content');
  return null;
};

/**
 * Remove a node's objects of one kind; one that is gone already is fine.
 * @type {(kind: Kind, index: number) => boolean} whether they are gone
 */
export const removeAll = (kind, index) => {
  if (!kind.removable || !kind.known) return true;
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
  !kind.removable ||
  removed(
    kind,
    index,
    key,
    patiently(() => send(kind.to('delete'), index, key)),
  );

/**
 * Judge and count the answer to a delete.
 * @type {(kind: Kind, index: number, key: string, response: Response) => boolean} whether it is gone
 */
export const removed = (kind, index, key, response) => {
  if (kind.gone.includes(response.status)) return true;
  const good = judge(kind.to('delete'), response, index, key);
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

// Many objects at once, for setup and teardown: as fast as one VU can, and not part of what is measured.

/** Requests that setup and teardown send at once. */
const AT_ONCE = 64;

/**
 * @param {number} first
 * @param {number} count
 * @returns {number[]} first, first + 1, ...
 */
export const range = (first, count) => Array.from({ length: count }, (_, i) => first + i);

/**
 * Send a request for each item and hand each answer over, in order.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => [Endpoint, number, string?, (string | null)?]} request
 * @param {(item: T, answer: Response) => void} receive
 * @param {import('./credential.js').Shared} credential
 * @param {number} [atOnce]
 */
export function each(items, request, receive, credential, atOnce = AT_ONCE) {
  for (let first = 0; first < items.length; first += atOnce) {
    authorize(credential);
    const some = items.slice(first, first + atOnce);
    const requests = some.map((item) => {
      const [to, index, key, body] = request(item);
      return {
        method: to.method,
        url: to.url(index, key),
        body: body ?? (to.body && to.body(index, key)),
        params: paramsOf(to, index, key),
      };
    });
    const answers = http.batch(requests);
    some.forEach((item, i) => {
      if (isTimed) spent(answers[i], requests[i].params.tags);
      receive(item, answers[i]);
    });
  }
}

/**
 * Store a kind of object for each node.
 * @param {Kind} kind
 * @param {number[]} nodes
 * @param {import('./credential.js').Shared} credential
 * @param {number} [atOnce]
 */
export function storeEach(kind, nodes, credential, atOnce) {
  each(
    nodes,
    (node) => [kind.to('create'), node],
    (node, answer) => stored(kind, node, answer),
    credential,
    atOnce,
  );
}

/**
 * Remove what there is of a kind for each node.
 * @param {Kind} kind
 * @param {number[]} nodes
 * @param {import('./credential.js').Shared} credential
 */
export function removeEach(kind, nodes, credential) {
  if (!kind.removable || !kind.known) return;
  /** @type {{node: number, key: string}[]} */
  const found = kind.ours ? nodes.map((node) => ({ node, key: '' })) : [];
  if (!kind.ours) {
    /** @param {number} node @param {Response} answer */
    const list = (node, answer) => keysOf(kind, node, answer)?.forEach((key) => found.push({ node, key }));
    each(nodes, (node) => [kind.to('find'), node], list, credential);
  }
  each(
    found,
    ({ node, key }) => [kind.to('delete'), node, key],
    ({ node, key }, answer) => removed(kind, node, key, answer),
    credential,
  );
}
