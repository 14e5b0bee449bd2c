// Probe: one GET to each service by the very road that the load will take: k6's own resolver, proxy, TLS and certificates.
// What Python reaches, k6 need not: it has other rules for names, proxies and certificates.
//
// CHAMIPERF_PROBE is JSON: `urls` by service, whole ones; `tls` as in the plan; `timeout_s`. README.md says what comes out.
import http from 'k6/http';

import { transportOf } from './lib/options.js';

/** @typedef {{urls: Record<string, string>, tls: import('./lib/plan.js').Plan['tls'], timeout_s?: number}} Probe */

/** An answer's body is cut to so many characters. */
const MOST = 512;

/** @type {Probe} */
const { urls, tls, timeout_s: timeout = 10 } = JSON.parse(__ENV.CHAMIPERF_PROBE);

/** @type {import('k6/options').Options} */
export const options = {
  ...transportOf(tls),
  scenarios: { probe: { executor: 'shared-iterations', exec: 'nothing', vus: 1, iterations: 1 } },
  setupTimeout: `${timeout + 30}s`,
};

/** @type {(url: string) => Promise<object>} */
const look = async (url) => {
  try {
    const response = await http.asyncRequest('GET', url, null, { timeout: 1000 * timeout, responseType: 'text' });
    const { status, error, error_code: code, remote_ip: ip, remote_port: port, tls_version: version } = response;
    const body = typeof response.body === 'string' ? response.body : '';
    return {
      ok: status >= 200 && status < 300,
      status,
      error_code: code,
      error,
      remote: ip ? `${ip}:${port}` : '',
      tls_version: version ?? '',
      location: response.headers.Location ?? '',
      body: body.slice(0, MOST),
      body_length: body.length,
    };
  } catch (thrown) {
    // A URL that k6 cannot read is thrown whatever `throw` says.
    const error = /** @type {Error} */ (thrown).message ?? String(thrown);
    return {
      ok: false,
      status: 0,
      error_code: 1020,
      error,
      remote: '',
      tls_version: '',
      location: '',
      body: '',
      body_length: 0,
    };
  }
};

/** @returns {Promise<Record<string, object>>} */
export async function setup() {
  const names = Object.keys(urls);
  const answers = await Promise.all(names.map((name) => look(urls[name])));
  return Object.fromEntries(names.map((name, i) => [name, answers[i]]));
}

/** Its iterations do nothing: the answers are there when setup is over. */
export const nothing = () => {};

/** @param {{setup_data?: Record<string, object>}} handed */
export function handleSummary({ setup_data: services = {} }) {
  const summary = { format: 'chamiperf-probe', format_version: 1, services };
  return { [__ENV.CHAMIPERF_SUMMARY]: JSON.stringify(summary) };
}
