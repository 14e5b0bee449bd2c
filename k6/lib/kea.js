// Reading Kea.
import { keaRequest } from './api.js';
import { seeded } from './nodes.js';
import { call, endpoint, fail, jsonOf } from './request.js';
import { reservationsIn } from './reservations.js';

/** @returns {import('./request.js').Endpoint} */
export const keaEndpoint = () =>
  endpoint({ name: 'kea-read', service: 'kea', method: 'POST', open: true, names: seeded(), ...keaRequest() });

/**
 * @param {import('./request.js').Endpoint} kea
 * @returns {Map<string, string> | null} address by MAC, lower case; null if Kea gave no usable answer
 */
export function reservations(kea) {
  const response = call(kea, 0);
  const found = response && reservationsIn(jsonOf(response));
  if (response && !found) fail(kea, response, 'content');
  return found;
}
