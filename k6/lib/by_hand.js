// The plan of a plain `k6 run`: a profile, Chamicore's own defaults, and the variables of Chamicore's own scripts.
import { sequence } from './plan.js';

/** @typedef {import('./plan.js').Plan} Plan */
/** @typedef {import('./plan.js').Load} Load */
/** @typedef {import('./plan.js').Phase} Phase */
/** @typedef {(variable: string) => string | undefined} Own the whole name of one of the scenario's own variables */

/** @type {Record<string, [string, string]>} the variable of each service's URL, and Chamicore's default */
const URLS = {
  auth: ['CHAMICORE_TEST_AUTH_URL', 'http://127.0.0.1:3333'],
  smd: ['CHAMICORE_TEST_SMD_URL', 'http://127.0.0.1:27779'],
  bss: ['CHAMICORE_TEST_BSS_URL', 'http://127.0.0.1:27778'],
  'cloud-init': ['CHAMICORE_TEST_CLOUDINIT_URL', 'http://127.0.0.1:27777'],
  discovery: ['CHAMICORE_TEST_DISCOVERY_URL', 'http://127.0.0.1:27776'],
  power: ['CHAMICORE_TEST_POWER_URL', 'http://127.0.0.1:27775'],
  kea: ['CHAMIPERF_KEA_URL', 'http://127.0.0.1:8000'],
};

/** @type {Record<string, {prefix: string, seed: number}>} variables' prefixes in Chamicore's scripts; nodes they seed */
const CHAMICORE = {
  boot_storm: { prefix: 'BOOT', seed: 10_000 },
  cloud_init_storm: { prefix: 'CLOUDINIT', seed: 10_000 },
  inventory_scale: { prefix: 'INVENTORY', seed: 50_000 },
};
const QUICK_SEED = 1_000;

/** What a credential needs of the environment; Chamicore has a default for the internal token. */
const SECRETS = {
  none: [],
  'internal-token': [],
  bearer: ['CHAMIPERF_TOKEN'],
  'client-credentials': ['CHAMIPERF_CLIENT_ID', 'CHAMIPERF_CLIENT_SECRET'],
  'dev-mode': [],
};
/** Scenarios that send no credential once their nodes are there. */
const OPEN = ['boot_storm', 'cloud_init_storm'];

/**
 * @param {string} name of the scenario
 * @returns {Plan}
 */
export function planByHand(name) {
  const quick = ['1', 'true', 'yes'].includes((__ENV.QUICK ?? '').toLowerCase());
  const profile = __ENV.CHAMIPERF_PROFILE ?? (quick ? 'quick' : 'full');
  const { scenarios } = JSON.parse(open(import.meta.resolve(`../profiles/${profile}.json`)));
  const { prefix, seed } = CHAMICORE[name] ?? { prefix: '', seed: QUICK_SEED };
  /** @type {Own} */
  const own = (variable) => (prefix ? `${prefix}_${variable}` : undefined);
  // What QUICK means is known only of the scenarios that Chamicore has; the others have a profile of that name.
  const load = quick && prefix ? constant(scenarios[name]) : overridden(scenarios[name], own);
  const seededBefore = __ENV.CHAMIPERF_SEED_RUN_ID;
  return {
    scenario: name,
    profile,
    dialect: __ENV.CHAMIPERF_DIALECT ?? 'chamicore',
    urls: Object.fromEntries(Object.entries(URLS).map(([key, [variable, port]]) => [key, urlOf(variable) ?? port])),
    tls: { insecure: false, certificate_file: null, key_file: null },
    credential: credentialOf(__ENV.CHAMIPERF_CREDENTIAL, !seededBefore || !OPEN.includes(name)),
    connections: 'keep',
    identities: {
      run_id: seededBefore ?? 'byhand',
      nodes: count('CHAMIPERF_SEED_NODES') ?? count(own('SEED_COUNT')) ?? (quick ? QUICK_SEED : seed),
      network: '198.18.0.0/15',
      written_run_id: __ENV.CHAMIPERF_WRITTEN_RUN_ID ?? 'byhandw',
    },
    load: {
      ...load,
      pace_s: __ENV.CHAMIPERF_PACE ? (duration('CHAMIPERF_PACE') ?? 0) : load.pace_s,
      phases: sequence(load.phases),
      parameters: { ...load.parameters, ...settings(__ENV.CHAMIPERF_SET ?? '', load.parameters) },
    },
    seeding: seededBefore || name.endsWith('seed') ? null : { batch: count(own('SEED_BATCH_SIZE')) ?? 100 },
    limits: { p99_ms: number(own('P99_TARGET_MS')) ?? 0, error_rate: number(own('ERROR_RATE_MAX')) ?? 0 },
  };
}

/**
 * QUICK: a constant number of VUs for a time.
 * @param {Load} load
 * @returns {Load}
 */
function constant(load) {
  const vus = count('QUICK_VUS') ?? 1000;
  const duration_s = duration('QUICK_DURATION') ?? 120;
  return { ...load, phases: [{ name: 'sustained', start_s: 0, duration_s, from_vus: vus, to_vus: vus }] };
}

/**
 * The profile's phases with the durations and levels of Chamicore's variables.
 * @param {Load} load
 * @param {Own} own
 * @returns {Load}
 */
function overridden(load, own) {
  const sustained = count(own('FULL_RAMP_TARGET_VUS')) ?? count(own('FULL_VUS'));
  const spike = count(own('FULL_SPIKE_TARGET_VUS'));
  const durations = {
    'ramp-up': duration(own('FULL_RAMP_DURATION')),
    sustained: duration(own('FULL_SUSTAIN_DURATION')) ?? duration(own('FULL_DURATION')),
    spike: duration(own('FULL_SPIKE_DURATION')),
    cooldown: duration(own('FULL_COOLDOWN_DURATION')),
  };
  const levels = {
    'ramp-up': { to_vus: sustained },
    sustained: { from_vus: sustained, to_vus: sustained },
    spike: { from_vus: spike, to_vus: spike },
    cooldown: { from_vus: spike },
  };
  const phases = load.phases.map((phase) => {
    const given_s = durations[/** @type {keyof typeof durations} */ (phase.name)];
    const given = Object.entries(levels[/** @type {keyof typeof levels} */ (phase.name)] ?? {});
    const level = Object.fromEntries(given.filter(([, vus]) => vus !== undefined));
    return { ...phase, ...level, duration_s: given_s ?? phase.duration_s };
  });
  return { ...load, phases };
}

/**
 * A variable's number, by its full name; undefined where it is not set.
 * @param {string | undefined} variable
 * @param {{least: number, whole: boolean}} [bounds]
 */
function number(variable, { least, whole } = { least: 0, whole: false }) {
  const text = variable && __ENV[variable];
  if (text === undefined) return undefined;
  const value = Number(text.trim() || NaN);
  if (Number.isFinite(value) && value >= least && (!whole || Number.isInteger(value))) return value;
  throw new Error(`${variable} is ${text || 'empty'}, expected a ${whole ? 'whole ' : ''}number from ${least} on`);
}

/** @type {(variable: string | undefined) => number | undefined} */
const count = (variable) => number(variable, { least: 1, whole: true });

/** @type {(variable: string | undefined) => number | undefined} */
function duration(variable) {
  const text = variable && __ENV[variable];
  if (text === undefined) return undefined;
  try {
    return seconds(text);
  } catch (error) {
    throw new Error(`${variable}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @type {(variable: string) => string | undefined} */
function urlOf(variable) {
  const url = __ENV[variable];
  if (url === undefined || /^https?:\/\/[^/]/.test(url)) return url?.replace(/\/+$/, '');
  throw new Error(`${variable} is ${url || 'empty'}, expected a URL that begins with http:// or https://`);
}

/** @type {(asked: string | undefined, isNeeded: boolean) => Plan['credential']} */
function credentialOf(asked, isNeeded) {
  const given = asked ?? 'internal-token';
  const known = /** @type {const} */ (['none', 'internal-token', 'bearer', 'client-credentials', 'dev-mode']);
  const found = known.find((kind) => kind === given);
  if (!found) throw new Error(`CHAMIPERF_CREDENTIAL is ${given}, expected one of ${known.join(', ')}`);
  const missing = SECRETS[found].find((variable) => !__ENV[variable]);
  if (missing) throw new Error(`${missing} is missing, which CHAMIPERF_CREDENTIAL=${found} needs`);
  if (found === 'internal-token' && __ENV.CHAMICORE_INTERNAL_TOKEN === '' && (asked || isNeeded))
    throw new Error('CHAMICORE_INTERNAL_TOKEN is empty: set it, or unset it for the default of Chamicore');
  return found;
}

/**
 * The scenario's own parameters, such as `get=50,list=30`, each of the kind that the profile gives it.
 * @param {string} text
 * @param {Load['parameters']} profiles
 * @returns {Load['parameters']}
 */
function settings(text, profiles) {
  const pairs = text.split(',').filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name, text = '', ...more] = pair.split('=');
      const value = typeof profiles[name] === 'number' ? Number(text || NaN) : text;
      const isWrong = typeof value === 'number' && !(value >= 0 && Number.isFinite(value));
      if (!Object.hasOwn(profiles, name) || more.length > 0 || isWrong) {
        throw new Error(
          `CHAMIPERF_SET has ${pair}, expected NAME=VALUE of ${Object.keys(profiles).join(', ') || 'none'}`,
        );
      }
      return [name, value];
    }),
  );
}

/**
 * k6's own way to write a duration, such as `2m`, `1m30s`, `500ms`.
 * @param {string} text
 * @returns {number} seconds
 */
export function seconds(text) {
  const unit = { h: 3600, m: 60, s: 1, ms: 0.001 };
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  const isWhole = parts.map(([part]) => part).join('') === text && text !== '';
  if (!isWhole || parts.some(([, value]) => Number.isNaN(Number(value))))
    throw new Error(`${text || 'nothing'} is not a duration, expected one such as 2m or 90s`);
  return parts.reduce((sum, [, value, u]) => sum + Number(value) * unit[/** @type {keyof typeof unit} */ (u)], 0);
}
