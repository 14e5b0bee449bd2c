// Many objects at once, for setup and teardown: as fast as one VU can, and not part of what is measured.
import http from 'k6/http';
import { authorize } from './credential.js';
import { keysOf, removed, stored } from './objects.js';
import { clock, spent } from './pace.js';

/** @typedef {ReturnType<typeof import('./objects.js').kindOf>} Kind */
/** @typedef {import('./request.js').Response} Response */
/** @typedef {import('./request.js').Endpoint} Endpoint */

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
        params: to.params,
      };
    });
    const answers = http.batch(requests);
    some.forEach((item, i) => {
      if (clock.runs) spent(answers[i], requests[i].params.tags);
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
