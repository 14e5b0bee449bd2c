// What Kea has: its host reservations, in both styles of answer. Knows how to read, not how to wait.
import { keaRequest } from './api.js';
import { seeded } from './nodes.js';
import { call, endpoint } from './request.js';

/** Kea's result for "there are none". */
const EMPTY = 3;

/** @typedef {{'hw-address': string, 'ip-address'?: string}} Reservation */
/** @typedef {{result: number, text?: string, arguments?: {reservations?: Reservation[], hosts?: Reservation[]}}} Answer */

/** @returns {import('./request.js').Endpoint} */
export const keaEndpoint = () =>
  endpoint({ name: 'kea-read', service: 'kea', method: 'POST', open: true, names: seeded(), ...keaRequest() });

/**
 * @param {import('./request.js').Endpoint} kea
 * @returns {Map<string, string> | null} address by MAC, lower case; null if Kea gave no usable answer
 */
export function reservations(kea) {
  const response = call(kea, 0);
  return response && reservationsIn(/** @type {Answer[] | Answer} */ (/** @type {unknown} */ (response.json())));
}

/**
 * @param {Answer[] | Answer} answers
 * @returns {Map<string, string> | null}
 */
export function reservationsIn(answers) {
  const answer = Array.isArray(answers) ? answers[0] : answers;
  if (!answer || (answer.result !== 0 && answer.result !== EMPTY)) return null;
  const all = answer.arguments?.reservations ?? answer.arguments?.hosts ?? [];
  return new Map(all.map((entry) => [entry['hw-address'].toLowerCase(), entry['ip-address'] ?? '']));
}
