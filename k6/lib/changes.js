// Changes of interfaces, and how each shows in Kea: a quarter each is added, gets another MAC, gets another address,
// and is removed.
import { each, range, removeEach, storeEach } from './batches.js';
import { written } from './nodes.js';
import { keysOf, kindOf } from './objects.js';
import { judge } from './request.js';

/** @typedef {import('./request.js').Endpoint} Endpoint */
/** @typedef {import('./credential.js').Shared} Shared */
/** @typedef {Map<string, string>} Reservations address by MAC */

/**
 * @typedef {object} Change
 * @property {number} node
 * @property {Endpoint} to the request that makes it
 * @property {string | null} body null for the endpoint's own
 * @property {(kea: Reservations) => boolean} shows
 */

/** One batch of writes: short, so that Kea can be read between two. */
export const AT_ONCE = 64;

/**
 * @param {number} first index of the first node; twice as many indexes are used as there are changes
 * @param {number} count of changes
 */
export function interfaceChanges(first, count) {
  const { mac, ip } = written();
  const component = kindOf('component', written());
  const kind = kindOf('interface', written(), ['create', 'patch', 'delete']);
  const nodes = range(first, count);

  /** @type {((node: number, other: number) => Omit<Change, 'node'>)[]} `other` lends its MAC or address */
  const kinds = [
    (node) => ({ to: kind.create, body: null, shows: (kea) => kea.get(mac(node)) === ip(node) }),
    (node, other) => ({
      to: kind.patch,
      body: JSON.stringify({ macAddr: mac(other) }),
      shows: (kea) => kea.has(mac(other)) && !kea.has(mac(node)),
    }),
    (node, other) => ({
      to: kind.patch,
      body: JSON.stringify({ ipAddrs: [ip(other)] }),
      shows: (kea) => kea.get(mac(node)) === ip(other),
    }),
    (node) => ({ to: kind.remove, body: null, shows: (kea) => !kea.has(mac(node)) }),
  ];
  const changes = nodes.map((node, i) => ({ node, ...kinds[i % kinds.length](node, node + count) }));
  const before = changes.filter(({ to }) => to !== kind.create).map(({ node }) => node);

  return {
    changes,

    /**
     * Create what the changes presuppose.
     * @param {Shared} credential
     */
    prepare(credential) {
      storeEach(component, nodes, credential);
      storeEach(kind, before, credential);
    },

    /** @param {Reservations} kea @returns {number} interfaces of `prepare` that Kea does not know yet */
    unknownTo: (kea) => before.filter((node) => kea.get(mac(node)) !== ip(node)).length,

    /**
     * @param {Shared} credential
     * @returns {Record<string, string>} the server's id of each interface, by node
     */
    keys(credential) {
      /** @type {Record<string, string>} */
      const found = {};
      each(before, (node) => [kind.find, node], (node, answer) => Object.assign(found, { [node]: keysOf(kind, node, answer)?.[0] }), credential);
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
      if (judge(change.to, answer, change.node)) made.push({ change, at });
    },
    credential,
    AT_ONCE,
  );
  return made;
}
