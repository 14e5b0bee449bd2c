// Reading Kea, in both of its dialects: the shim lists all reservations unasked, stock Kea wants to be told a subnet.
import { keaRequest } from './api.js';
import { seeded } from './nodes.js';
import { call, endpoint, fail, jsonOf } from './request.js';
import { reservationsIn } from './reservations.js';

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
