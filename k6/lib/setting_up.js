// What a scenario may do in setup and teardown, out of what is measured.
import { range, removeEach } from './batches.js';
import { highestVus } from './executors.js';
import { written } from './nodes.js';
import { shapeOf } from './api.js';
import { kindOf, remove, stored } from './objects.js';
import { endpoint, jsonOf, send } from './request.js';
import { plan } from './scenario.js';

export { highestVus, range, removeEach };

/** @typedef {{key: string, id: string, secret: string}} Account a service account, whose secret the server tells once */

/**
 * Why the stack does not have a kind of object at all.
 * @param {string} object key of `objects` in api.json
 * @returns {string} empty if it has it
 */
export function whyAbsent(object) {
  const { service, path } = shapeOf(object);
  if (!plan.urls[service]) return 'no URL is given';
  const list = endpoint({
    name: 'probe',
    service,
    method: 'GET',
    path: `${path}?limit=1`,
    names: written(),
    measured: false,
  });
  const { status, error } = send(list, 0);
  if (status === 0) return error;
  return [404, 405, 501].includes(status) ? `answers ${status}` : '';
}

/**
 * @param {number} index of the node whose id becomes the account's name
 * @returns {Account | null} null if it could not be created
 */
export function createAccount(index) {
  const kind = kindOf('service-account', written());
  const response = send(kind.to('create'), index);
  if (!stored(kind, index, response) || response.status === 409) return null;
  const { metadata, spec } = jsonOf(response) ?? {};
  if (!metadata || !spec) return null;
  return { key: metadata.id, id: spec.clientId ?? spec.client_id, secret: spec.clientSecret ?? spec.client_secret };
}

/**
 * @param {number} index
 * @param {Account} account
 */
export const removeAccount = (index, account) => remove(kindOf('service-account', written()), index, account.key);
