// k6's options for a scenario: how VUs or arrivals follow the plan's phases, and which sub-metrics the summary needs.
// A sub-metric exists only where a threshold names it, so thresholds here never fail: `max>=0`, `count>=0`.
import { stages } from './phases.js';
import { plan, windows } from './plan.js';
import { DONE } from './progress.js';
import { declared, declaring } from './report.js';
import { declareSeeding } from './seeding.js';

/** @typedef {import('k6/options').Options} Options */
/** @typedef {import('k6/options').Scenario} Executor */

/** The quantile grid, fine in the tail; README.md lists it. */
export const QUANTILES = [1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99];
/** Counters of failures per endpoint and phase. */
export const FAILURES = ['chamiperf_throttled', 'chamiperf_refused', 'chamiperf_tolerated'];
export const WHY = ['status', 'content', 'no_answer'];
/** Counters of objects per kind. */
export const OBJECTS = ['chamiperf_created', 'chamiperf_resolved', 'chamiperf_object_failed', 'chamiperf_removed'];

/** VUs and requests get so long to end by themselves when they are no longer planned; GitHub kills after 10 s. */
const GRACE = '5s';

export const phaseNames = () => plan.load.phases.map(({ name }) => name);
export const windowNames = () => Array.from({ length: windows }, (_, i) => String(i));

/** The highest number of VUs that the phases plan. */
export const highestVus = () => stages(plan.load.phases, 'vus').highest;

/**
 * VUs that follow the phases (closed model).
 * @param {string} exec name of the exported function
 * @returns {Executor}
 */
export function vus(exec) {
  const { start, stages: steps } = stages(plan.load.phases, 'vus');
  const grace = { gracefulStop: GRACE, gracefulRampDown: GRACE };
  return { executor: 'ramping-vus', exec, startVUs: start, stages: steps, ...grace };
}

/**
 * Arrivals that follow the phases (open model), with VUs enough for iterations of `longest_s`.
 * @param {string} exec name of the exported function
 * @param {number} longest_s
 * @returns {Executor}
 */
export function arrivals(exec, longest_s) {
  const { start, highest, stages: steps } = stages(plan.load.phases, 'rate');
  const enough = Math.max(10, Math.ceil(highest * longest_s));
  const pool = { preAllocatedVUs: enough, maxVUs: enough, gracefulStop: GRACE };
  return { executor: 'ramping-arrival-rate', exec, startRate: start, timeUnit: '1s', stages: steps, ...pool };
}

/**
 * A phase that ends when its iterations are done.
 * @param {string} exec name of the exported function
 * @param {import('./phases.js').Phase} phase
 * @returns {Executor}
 */
export function iterations(exec, { start_s: start, duration_s: longest, from_vus: vus = 1, iterations: all = 1 }) {
  const time = { startTime: `${start}s`, maxDuration: `${longest}s`, gracefulStop: GRACE };
  return { executor: 'shared-iterations', exec, vus: Math.min(vus, all), iterations: all, ...time };
}

/**
 * The options of a script, from the endpoints and Trends that it has declared so far.
 * @param {Record<string, Executor>} scenarios
 * @returns {Options}
 */
export function optionsOf(scenarios) {
  if (!declaring) return {};
  declareSeeding();
  const { tls, connections, limits } = plan;
  const fresh = connections === 'fresh';
  return {
    scenarios,
    thresholds: { ...subMetrics(), ...limitsOf(declared.identity.name, limits) },
    summaryTrendStats: ['count', 'min', 'avg', 'med', 'max', ...QUANTILES.map((q) => `p(${q})`)],
    systemTags: ['name', 'status', 'scenario'],
    maxRedirects: 0,
    noConnectionReuse: fresh,
    noVUConnectionReuse: fresh,
    insecureSkipTLSVerify: tls.insecure,
    ...certificate(tls),
    setupTimeout: '30m',
    teardownTimeout: '30m',
    userAgent: 'chamiperf-k6',
    batch: 64,
    batchPerHost: 64,
  };
}

/** @returns {Record<string, string[]>} */
function subMetrics() {
  /** @type {Record<string, string[]>} */
  const all = {};
  /** @param {string} metric @param {string[]} tags */
  const trend = (metric, tags) => Object.assign(all, { [`${metric}{${tags.join(',')}}`]: ['max>=0'] });
  /** @param {string} metric @param {string[]} tags */
  const count = (metric, tags) => Object.assign(all, { [`${metric}{${tags.join(',')}}`]: ['count>=0'] });

  for (const name of declared.endpoints.keys()) {
    for (const phase of phaseNames()) {
      const where = [`name:${name}`, `phase:${phase}`];
      for (const metric of ['http_req_duration', 'http_req_blocked', 'http_req_connecting']) trend(metric, where);
      for (const metric of FAILURES) count(metric, where);
      for (const why of WHY) count('chamiperf_failed', [...where, `why:${why}`]);
    }
    for (const window of windowNames()) {
      trend('http_req_duration', [`name:${name}`, `window:${window}`]);
      count('chamiperf_failed', [`name:${name}`, `window:${window}`]);
    }
  }
  for (const { metric } of declared.trends) {
    for (const phase of phaseNames()) trend(metric, [`phase:${phase}`]);
    for (const window of windowNames()) trend(metric, [`window:${window}`]);
  }
  for (const key of declared.counts) all[key] = ['count>=0'];
  if (declared.progress) {
    for (const phase of phaseNames()) trend(DONE, [`phase:${phase}`]);
    for (const window of windowNames()) trend(DONE, [`window:${window}`]);
  }
  for (const kind of declared.kinds) for (const metric of OBJECTS) count(metric, [`kind:${kind}`]);
  return all;
}

/**
 * The limits of Chamicore's own scripts, where their variables ask for them.
 * @param {string} name
 * @param {import('./plan.js').Plan['limits']} limits
 * @returns {Record<string, string[]>}
 */
function limitsOf(name, limits) {
  /** @type {Record<string, string[]>} */
  const all = {};
  if (limits?.p99_ms) all[`http_req_duration{scenario:${name}}`] = [`p(99)<${limits.p99_ms}`];
  if (limits?.error_rate) all[`http_req_failed{scenario:${name}}`] = [`rate<${limits.error_rate}`];
  return all;
}

/**
 * @param {import('./plan.js').Plan['tls']} tls
 * @returns {Options}
 */
function certificate({ certificate_file: cert, key_file: key }) {
  return cert && key ? { tlsAuth: [{ cert: open(cert), key: open(key) }] } : {};
}
