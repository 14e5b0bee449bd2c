// Kea: reading its reservations, and changes of interfaces with how each shows there: a quarter each is added, gets
// another MAC, gets another address, and is removed.
// Kea is read in both of its dialects: the shim lists all reservations unasked, stock Kea wants to be told a subnet.
import { sleep } from 'k6';
import { keaRequest } from './api.js';
import { each, keysOf, kindOf, range, removed, removeEach, stored, storeEach } from './objects.js';
import { plan } from './plan.js';
import { call, endpoint, fail, jsonOf, judge, seeded, written } from './request.js';

let ofSubnet = '';
let asksForSubnet = false;

/**
 * @param {number} subnetId of the reservations, where Kea wants to be told one
 * @returns {import('./request.js').Endpoint}
 */
export const keaEndpoint = (subnetId) => {
  const request = keaRequest();
  ofSubnet = JSON.stringify({ .../** @type {object} */ (request.body), arguments: { 'subnet-id': subnetId } });
  return endpoint({ name: 'kea-read', service: 'kea', method: 'POST', open: true, names: seeded(), ...request });
};

/**
 * @param {import('./request.js').Endpoint} kea
 * @returns {Map<string, string> | null} address by MAC, lower case; null if Kea gave no usable answer
 */
export function reservations(kea) {
  const response = call(kea, 0, undefined, asksForSubnet ? ofSubnet : undefined);
  const found = response && reservationsIn(jsonOf(response));
  if (!response || found) return found;
  if (asksForSubnet) {
    fail(kea, response, 'content');
    return null;
  }
  asksForSubnet = true;
  const again = reservations(kea);
  asksForSubnet = again !== null;
  return again;
}

/** Kea's result for "there are none". */
const EMPTY = 3;

/** @typedef {{'hw-address'?: string, 'ip-address'?: string}} Reservation a host may be known by another identifier */
/** @typedef {{result: number, text?: string, arguments?: {reservations?: Reservation[], hosts?: Reservation[]}}} Answer */

/**
 * @param {Answer[] | Answer | null} answers
 * @returns {Map<string, string> | null}
 */
export function reservationsIn(answers) {
  const answer = Array.isArray(answers) ? answers[0] : answers;
  if (!answer || (answer.result !== 0 && answer.result !== EMPTY)) return null;
  const all = answer.arguments?.reservations ?? answer.arguments?.hosts ?? [];
  return new Map(all.flatMap(({ 'hw-address': mac, 'ip-address': ip = '' }) => (mac ? [[mac.toLowerCase(), ip]] : [])));
}

/** @typedef {import('./request.js').Endpoint} Endpoint */
/** @typedef {import('./request.js').Response} Response */
/** @typedef {import('./credential.js').Shared} Shared */
/** @typedef {Map<string, string>} Reservations address by MAC */

/**
 * @typedef {object} Change
 * @property {number} node
 * @property {Endpoint} to the request that makes it
 * @property {string | null} body null for the endpoint's own
 * @property {(kea: Reservations) => boolean} shows
 * @property {(answer: Response) => boolean} judged whether the answer is good; counts what was created or removed
 */

/** One batch of writes: short, so that Kea can be read between two. */
export const AT_ONCE = 64;

/**
 * @param {number} first index of the first node; twice as many indexes are used as there are changes
 * @param {number} count of changes
 */
export function interfaceChanges(first, count) {
  const names = written();
  const mac = names.mac('', '');
  const ip = names.ip('', '');
  const component = kindOf('component', written());
  const kind = kindOf('interface', written(), ['create', 'patch', 'delete']);
  const nodes = range(first, count);

  const [create, patch, remove] = [kind.to('create'), kind.to('patch'), kind.to('delete')];

  /** @type {((node: number, other: number) => Omit<Change, 'node'>)[]} `other` lends its MAC or address */
  const kinds = [
    (node) => ({
      to: create,
      body: null,
      shows: (kea) => kea.get(mac(node)) === ip(node),
      judged: (answer) => stored(kind, node, answer),
    }),
    (node, other) => ({
      to: patch,
      body: JSON.stringify({ macAddr: mac(other) }),
      shows: (kea) => kea.has(mac(other)) && !kea.has(mac(node)),
      judged: (answer) => judge(patch, answer, node),
    }),
    (node, other) => ({
      to: patch,
      body: JSON.stringify({ ipAddrs: [ip(other)] }),
      shows: (kea) => kea.get(mac(node)) === ip(other),
      judged: (answer) => judge(patch, answer, node),
    }),
    (node) => ({
      to: remove,
      body: null,
      shows: (kea) => !kea.has(mac(node)),
      judged: (answer) => removed(kind, node, '', answer),
    }),
  ];
  const changes = nodes.map((node, i) => ({ node, ...kinds[i % kinds.length](node, node + count) }));
  const before = changes.filter(({ to }) => to !== create).map(({ node }) => node);

  return {
    changes,

    /**
     * Create what the changes presuppose, and wait until Kea knows it.
     * @param {Endpoint} kea
     * @param {Shared} credential
     * @param {number} longest s
     * @param {number} poll s
     * @returns {string} why that was not possible; empty if it was
     */
    settle(kea, credential, longest, poll) {
      if (!plan.urls.kea) return 'no URL is given';
      if (!reservations(kea)) return 'it gives no list of reservations';
      storeEach(component, nodes, credential);
      storeEach(kind, before, credential);
      const until = Date.now() + longest * 1000;
      for (;;) {
        const known = reservations(kea);
        const unknown = before.filter((node) => known?.get(mac(node)) !== ip(node)).length;
        if (unknown === 0) return '';
        if (Date.now() > until) return `after ${longest} s it does not know ${unknown} of ${before.length} interfaces`;
        sleep(poll);
      }
    },

    /**
     * @param {Shared} credential
     * @returns {Record<string, string>} the server's id of each interface, by node
     */
    keys(credential) {
      /** @type {Record<string, string>} */
      const found = {};
      each(
        before,
        (node) => [kind.to('find'), node],
        (node, answer) => Object.assign(found, { [node]: keysOf(kind, node, answer)?.[0] }),
        credential,
      );
      return found;
    },

    /** @param {Shared} credential */
    cleanUp(credential) {
      removeEach(kind, nodes, credential);
      removeEach(component, nodes, credential);
    },
  };
}

/**
 * Make some changes at once.
 * @param {Change[]} some
 * @param {Record<string, string>} keys
 * @param {Shared} credential
 * @returns {{change: Change, at: number}[]} those that were answered well, and when
 */
export function write(some, keys, credential) {
  const started = Date.now();
  /** @type {{change: Change, at: number}[]} */
  const made = [];
  each(
    some,
    ({ to, node, body }) => [to, node, keys[node], body],
    (change, answer) => {
      const at = started + answer.timings.blocked + answer.timings.duration;
      if (change.judged(answer)) made.push({ change, at });
    },
    credential,
    AT_ONCE,
  );
  return made;
}

/**
 * Look in Kea for changes that were written.
 * @param {Endpoint} kea
 * @param {import('k6/metrics').Trend} propagation from a change's answer to its being seen, ms
 * @param {import('k6/metrics').Trend} period between two looks, ms
 */
export function watchFor(kea, propagation, period) {
  /** @type {ReturnType<typeof write>} */
  let unseen = [];
  let last = Date.now();
  return {
    /** @param {ReturnType<typeof write>} made */
    add(made) {
      unseen.push(...made);
    },

    /** How many were not seen yet. */
    left: () => unseen.length,

    /** Seconds. */
    sinceLook: () => (Date.now() - last) / 1000,

    look() {
      const found = reservations(kea);
      const now = Date.now();
      period.add(now - last);
      last = now;
      if (!found) return;
      const [seen, still] = [true, false].map((shown) => unseen.filter(({ change }) => change.shows(found) === shown));
      for (const { at } of seen) propagation.add(now - at);
      unseen = still;
    },
  };
}
