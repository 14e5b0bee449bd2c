// Service accounts: created with the run's own credential, whose secret the server tells once.
import { written } from './nodes.js';
import { kindOf, remove, stored } from './objects.js';
import { send } from './request.js';

/** @typedef {{key: string, id: string, secret: string}} Account */
/** @typedef {import('./objects.js').Kind} Kind */

/** @param {string[]} [measured] */
export const accounts = (measured) => kindOf('service-account', written(), measured);

/**
 * @param {Kind} kind
 * @param {number} index
 * @returns {Account | null}
 */
export function createAccount(kind, index) {
  const response = send(kind.create, index);
  if (!stored(kind, index, response) || response.status === 409) return null;
  const { metadata, spec } = /** @type {{metadata: {id: string}, spec: Record<string, string>}} */ (
    /** @type {unknown} */ (response.json())
  );
  return { key: metadata.id, id: spec.clientId ?? spec.client_id, secret: spec.clientSecret ?? spec.client_secret };
}

/**
 * @param {Kind} kind
 * @param {number} index
 * @param {Account} account
 */
export const removeAccount = (kind, index, account) => remove(kind, index, account.key);
