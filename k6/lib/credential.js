// The credential of requests that need one: from the environment, and renewed before it expires.
// Each VU renews at a moment of its own, so that ten thousand of them do not ask at once.
import encoding from 'k6/encoding';
import http from 'k6/http';
import { api } from './api.js';
import { plan } from './plan.js';

/** A token is renewed after this share of its life, at the earliest and at the latest. */
const RENEW = { from: 0.6, to: 0.9 };
/** Life of a token that does not say when it expires, s: the shortest that Chamicore issues. */
const UNSTATED_LIFE_S = 900;
/** A refused renewal is tried again after so long. */
const RETRY_MS = 1000;

/** @type {Record<string, string>} one object for the whole life of a VU; its Authorization changes on renewal */
const authorized = { 'Content-Type': 'application/json' };
let renewAt = Infinity;

const PARAMS = { headers: { 'Content-Type': 'application/json' }, tags: { name: 'credential' } };

/** The token of Chamicore's own smoke, system and load tests where none is given. */
const DEFAULT_TOKEN = '0123456789abcdef'.repeat(4);

let takenUp = false;

/** @returns {Record<string, string>} headers of a request that needs a credential; the same object each time */
export function credentialed() {
  if (!takenUp) takeUp();
  return authorized;
}

function takeUp() {
  takenUp = true;
  if (plan.credential === 'internal-token') bear(__ENV.CHAMICORE_INTERNAL_TOKEN ?? DEFAULT_TOKEN);
  else if (plan.credential === 'bearer') bear(__ENV.CHAMIPERF_TOKEN);
  else if (isRequested()) renewAt = 0;
}

const isRequested = () => plan.credential === 'client-credentials' || plan.credential === 'dev-mode';

/** @param {string} token */
function bear(token) {
  authorized.Authorization = `Bearer ${token}`;
}

/** @typedef {{token: string, life_s: number, at: number} | null} Shared a token that setup hands to the VUs */

/**
 * Make sure that `authorized` holds a credential that is still good.
 * @param {Shared} [shared] what setup got; it serves until this VU renews it
 */
export function authorize(shared) {
  if (Date.now() < renewAt) return;
  if (shared && renewAt === 0) adopt(shared);
  if (Date.now() < renewAt) return;
  const fresh = request();
  if (fresh) adopt(fresh);
  else renewAt = Date.now() + RETRY_MS;
}

/** @returns {Shared} one token for all VUs, or null where none is requested */
export const shareCredential = () => (isRequested() ? request() : null);

/** @returns {Shared} */
function request() {
  const response = http.post(plan.urls.auth + api.routes.token.path, grantBody(plan.credential), PARAMS);
  if (response.status !== 200 && response.status !== 201) return null;
  const answer = /** @type {{access_token: string, expires_in?: number}} */ (/** @type {unknown} */ (response.json()));
  return { token: answer.access_token, life_s: answer.expires_in ?? lifeOf(answer.access_token), at: Date.now() };
}

/** @param {NonNullable<Shared>} shared */
function adopt({ token, life_s: life, at }) {
  bear(token);
  renewAt = at + life * 1000 * (RENEW.from + Math.random() * (RENEW.to - RENEW.from));
}

/**
 * The JSON body of a token request.
 * @param {string} grant a key of `grants` in api.json
 * @param {{id?: string, secret?: string}} [account] another account than the environment's
 */
export function grantBody(grant, account = {}) {
  const secrets = {
    client_id: account.id ?? __ENV.CHAMIPERF_CLIENT_ID,
    client_secret: account.secret ?? __ENV.CHAMIPERF_CLIENT_SECRET,
    subject_token: __ENV.CHAMIPERF_SUBJECT_TOKEN,
  };
  const body = { ...api.grants[grant] };
  for (const [name, secret] of Object.entries(secrets)) if (name in body) body[name] = secret ?? '';
  return JSON.stringify(body);
}

/**
 * Seconds that a token has left by its own claim.
 * @param {string} token
 */
function lifeOf(token) {
  try {
    const claims = JSON.parse(encoding.b64decode(token.split('.')[1], 'rawurl', 's'));
    return claims.exp - Date.now() / 1000;
  } catch {
    return UNSTATED_LIFE_S;
  }
}
