// The credential of requests that need one: from the environment, and renewed before it expires.
// Each VU renews at a moment of its own, so that ten thousand of them do not ask at once.
import encoding from 'k6/encoding';
import http from 'k6/http';
import { grantOf, routeOf } from './api.js';
import { authorized, jsonOf } from './request.js';
import { plan } from './plan.js';

/** A token is renewed after this share of its life, at the earliest and at the latest. */
const RENEW = { from: 0.6, to: 0.9 };
/** Life of a token that does not say when it expires, s: the shortest that Chamicore issues. */
const UNSTATED_LIFE_S = 900;
/** A refused renewal is tried again after so long. */
const RETRY_MS = 1000;
/** The token of Chamicore's own smoke, system and load tests, where none is given. */
const DEFAULT_TOKEN = '0123456789abcdef'.repeat(4);

/** @typedef {{token: string, life_s: number, at: number} | null} Shared a token that setup hands to the VUs */

let renewAt = 0;

/**
 * Make sure that requests carry a credential that is still good.
 * @param {Shared} shared what setup got; it serves until this VU renews it
 */
export const authorize = (shared) => {
  if (Date.now() < renewAt) return;
  if (!isRequested()) bear(fixedToken(), Infinity);
  else if (renewAt > 0 || !shared) adopt(request());
  else {
    adopt(shared);
    authorize(null); // a VU that starts late finds the shared token too old
  }
};

/** @returns {Shared} one token for all VUs, or null where none is requested */
export const shareCredential = () => (isRequested() ? request() : null);

const isRequested = () => plan.credential === 'client-credentials' || plan.credential === 'dev-mode';

/** @returns {string | undefined} */
const fixedToken = () => {
  if (plan.credential === 'internal-token') return __ENV.CHAMICORE_INTERNAL_TOKEN ?? DEFAULT_TOKEN;
  return plan.credential === 'bearer' ? __ENV.CHAMIPERF_TOKEN : undefined;
};

/** @type {(token: string | undefined, until: number) => void} */
const bear = (token, until) => {
  if (token !== undefined) authorized.Authorization = `Bearer ${token}`;
  renewAt = until;
};

/** @type {(shared: Shared) => void} */
const adopt = (shared) => {
  if (!shared) renewAt = Date.now() + RETRY_MS;
  else bear(shared.token, shared.at + shared.life_s * 1000 * (RENEW.from + Math.random() * (RENEW.to - RENEW.from)));
};

/** @returns {Shared} */
const request = () => {
  const params = { headers: { 'Content-Type': 'application/json' }, tags: { name: 'credential' } };
  const response = http.post(plan.urls.auth + routeOf('token').path, grantBody(plan.credential), params);
  if (response.status !== 200 && response.status !== 201) return null;
  const { access_token: token, expires_in: life } = jsonOf(response) ?? {};
  return typeof token === 'string' ? { token, life_s: life ?? lifeOf(token), at: Date.now() } : null;
};

/** @type {(token: string) => number} seconds that a token has left by its own claim, if it makes one */
const lifeOf = (token) => {
  try {
    const claims = JSON.parse(encoding.b64decode(token.split('.')[1], 'rawurl', 's'));
    // Without the claim, NaN would have it renewed at every iteration.
    return typeof claims.exp === 'number' ? claims.exp - Date.now() / 1000 : UNSTATED_LIFE_S;
  } catch {
    return UNSTATED_LIFE_S;
  }
};

/**
 * The JSON body of a token request.
 * @param {string} grant key of `grants` in the dialect
 * @param {{id?: string, secret?: string}} [account] another account than the environment's
 */
export const grantBody = (grant, account = {}) => {
  /** @type {Record<string, string | undefined>} */
  const secrets = {
    client_id: account.id ?? __ENV.CHAMIPERF_CLIENT_ID,
    client_secret: account.secret ?? __ENV.CHAMIPERF_CLIENT_SECRET,
    subject_token: __ENV.CHAMIPERF_SUBJECT_TOKEN,
  };
  const fields = Object.entries(grantOf(grant)).map(([name, value]) => [
    name,
    name in secrets ? (secrets[name] ?? '') : value,
  ]);
  return JSON.stringify(Object.fromEntries(fields));
};
