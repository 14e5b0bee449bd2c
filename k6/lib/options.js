// k6's options for a script, among them the sub-metrics that the summary needs.
// A sub-metric exists only where a threshold names it, so thresholds here never fail: `max>=0`, `count>=0`.
import { scenarioOf } from './api.js';
import { declared, plan, stages, windows } from './plan.js';

/** @typedef {import('k6/options').Options} Options */

/** The quantile grid, fine in the tail; README.md lists it. */
export const QUANTILES = [1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99];
export const quantiles = () => plan.quantiles ?? QUANTILES;
/** Why a request failed, and why it was counted apart. */
export const WHY = ['status', 'refused', 'content', 'no_answer'];
export const APART = ['throttled', 'tolerated'];
/** What became of an object. */
export const OBJECTS = ['created', 'resolved', 'failed', 'removed'];

/** How the generator itself did: parts of the Trend of pace.js. */
export const HEALTH = ['overrun', 'stall'];

/** How requests came by their connection, of those that pace.js watches. */
export const CONNECTION = ['blocked', 'connecting'];

/**
 * What scenarios.json says of a scenario; Python plans by the same file.
 * @typedef {object} Catalogued
 * @property {Operations} [iteration] measured requests of one iteration
 * @property {Record<string, Operations>} [mix] the same where an iteration is one of several operations, by parameter
 * @property {Record<string, Operations>} [phases] the same of a phase that differs
 * @property {Operations} [arrival] the same of one arrival, where VUs do something else
 * @property {string[]} [unplanned] measured requests whose number nothing fixes
 * @property {number} [arrival_s] seconds that an arrival may take: VUs are provided for it
 * @property {boolean} [splits] false where one VU does all of it
 */

/** @typedef {{each?: string[], in_turn?: string[]}} Operations endpoints: all of them, or one after the other in turn */

/** @type {Record<string, Catalogued>} */
const CATALOGUE = JSON.parse(open(import.meta.resolve('../scenarios.json'))).scenarios;

/** @type {() => Catalogued | undefined} what the catalogue says of this scenario; seed and unseed are not in it */
export const catalogued = () => {
  const { name } = whatIsDeclared();
  return name in CATALOGUE ? { ...CATALOGUE[name], ...scenarioOf(name) } : undefined;
};

/** Refuse a script that measures other requests than the catalogue says: the plan would be of another load. */
export function requireAsCatalogued() {
  const entry = catalogued();
  if (!entry) return;
  const { iteration = {}, arrival = {}, mix = {}, phases = {}, unplanned = [] } = entry;
  const all = [iteration, arrival, ...Object.values(mix), ...Object.values(phases)];
  const planned = [...unplanned, ...all.flatMap(({ each = [], in_turn: inTurn = [] }) => [...each, ...inTurn])];
  const sorted = [new Set(planned), new Set(whatIsDeclared().endpoints.keys())].map((names) =>
    [...names].sort().join(),
  );
  if (sorted[0] !== sorted[1]) throw new Error(`scenarios.json says ${sorted[0]}, the script measures ${sorted[1]}`);
}

export const phaseNames = () => plan.load.phases.map(({ name }) => name);
export const windowNames = () => Array.from({ length: windows }, (_, i) => String(i));

/**
 * The options of a script, from the endpoints and Trends that it has declared so far.
 * @param {Record<string, import('k6/options').Scenario>} scenarios
 * @param {string[]} [counts] Counters by tag that the scenario's figures look up
 * @returns {Options}
 */
export function optionsOf(scenarios, counts = []) {
  const { tls, connections, limits } = plan;
  const fresh = connections === 'fresh';
  return {
    scenarios,
    thresholds: {
      ...subMetrics(),
      ...Object.fromEntries(counts.map((key) => [key, ['count>=0']])),
      ...limitsOf(limits),
    },
    summaryTrendStats: ['count', 'min', 'avg', 'med', 'max', ...quantiles().map((q) => `p(${q})`)],
    systemTags: ['name', 'status', 'scenario'],
    ...transportOf(tls),
    noConnectionReuse: fresh,
    noVUConnectionReuse: fresh,
    setupTimeout: '30m',
    teardownTimeout: '30m',
    batch: 64,
    batchPerHost: 64,
  };
}

/** @returns {import('./plan.js').Declared} what the script has declared; there is something where k6 asks for it */
export function whatIsDeclared() {
  if (!declared) throw new Error('a VU was asked for what only the script itself knows');
  return declared;
}

/** @returns {Record<string, string[]>} */
function subMetrics() {
  /** @type {Record<string, string[]>} */
  const all = {};
  const of = whatIsDeclared();
  /** @param {string} metric @param {string[]} tags */
  const trend = (metric, tags) => Object.assign(all, { [`${metric}{${tags.join(',')}}`]: ['max>=0'] });
  /** @param {string} metric @param {string[]} tags */
  const count = (metric, tags) => Object.assign(all, { [`${metric}{${tags.join(',')}}`]: ['count>=0'] });

  for (const name of of.endpoints.keys()) {
    for (const phase of phaseNames()) {
      const where = [`name:${name}`, `phase:${phase}`];
      trend('http_req_duration', where);
      for (const part of CONNECTION) trend('chamiperf_health', [...where, `part:${part}`]);
      for (const why of WHY) count('chamiperf_failed', [...where, `why:${why}`]);
      for (const why of APART) count('chamiperf_apart', [...where, `why:${why}`]);
    }
    for (const window of windowNames()) {
      trend('http_req_duration', [`name:${name}`, `window:${window}`]);
      count('chamiperf_failed', [`name:${name}`, `window:${window}`]);
    }
  }
  for (const { metric } of of.trends) {
    for (const phase of phaseNames()) trend(metric, [`phase:${phase}`]);
    for (const window of windowNames()) trend(metric, [`window:${window}`]);
  }
  if (of.progress) {
    for (const phase of phaseNames()) trend(of.progress, [`phase:${phase}`]);
    for (const window of windowNames()) trend(of.progress, [`window:${window}`]);
  }
  for (const part of HEALTH) {
    trend('chamiperf_health', [`part:${part}`]);
    for (const phase of phaseNames()) trend('chamiperf_health', [`phase:${phase}`, `part:${part}`]);
  }
  for (const kind of of.kinds) for (const what of OBJECTS) count('chamiperf_objects', [`kind:${kind}`, `what:${what}`]);
  return all;
}

/**
 * The limits of Chamicore's own scripts, where their variables ask for them.
 * @param {import('./plan.js').Plan['limits']} limits
 * @returns {Record<string, string[]>}
 */
function limitsOf(limits) {
  const { name } = whatIsDeclared();
  /** @type {Record<string, string[]>} */
  const all = {};
  if (limits?.p99_ms) all[`http_req_duration{scenario:${name}}`] = [`p(99)<${limits.p99_ms}`];
  if (limits?.error_rate) all[`http_req_failed{scenario:${name}}`] = [`rate<${limits.error_rate}`];
  return all;
}

/**
 * How requests reach a service, the load's and the probe's alike.
 * @param {import('./plan.js').Plan['tls']} tls
 * @returns {Options}
 */
export function transportOf({ insecure, certificate_file: cert, key_file: key }) {
  const certificate = cert && key ? { tlsAuth: [{ cert: open(cert), key: open(key) }] } : {};
  return { maxRedirects: 0, insecureSkipTLSVerify: insecure, userAgent: 'chamiperf-k6', ...certificate };
}

// How k6 drives a scenario's functions: VUs or arrivals that follow the phases, or a number of iterations.

/** @typedef {import('k6/options').Scenario} Executor */

/** VUs and requests get so long to end by themselves when they are no longer planned; GitHub kills after 10 s. */
const GRACE = '5s';

/** The highest number of VUs that the phases plan. */
export const highestVus = () => stages(plan.load.phases, 'vus').highest;

/**
 * VUs that follow the phases (closed model).
 * @param {string} exec name of the exported function
 * @returns {Executor}
 */
function vus(exec) {
  const { start, stages: steps } = stages(plan.load.phases, 'vus');
  const grace = { gracefulStop: GRACE, gracefulRampDown: GRACE };
  return { executor: 'ramping-vus', exec, startVUs: start, stages: steps, ...grace };
}

/**
 * Arrivals that follow the phases (open model), with VUs enough for iterations of `arrival_s` of the catalogue.
 * @param {string} exec name of the exported function
 * @returns {Executor}
 */
function arrivals(exec) {
  const seconds = catalogued()?.arrival_s ?? 0;
  const { start, highest, stages: steps } = stages(plan.load.phases, 'rate');
  const enough = Math.max(10, Math.ceil(highest * seconds));
  const pool = { preAllocatedVUs: enough, maxVUs: enough, gracefulStop: GRACE };
  return { executor: 'ramping-arrival-rate', exec, startRate: start, timeUnit: '1s', stages: steps, ...pool };
}

/**
 * Phases that end when their iterations are done, one of k6's scenarios each.
 * @param {(phase: string) => string} execOf name of the exported function for a phase
 * @returns {Record<string, Executor>}
 */
function iterations(execOf) {
  const all = plan.load.phases.map(
    ({ name, start_s: start, duration_s: longest, from_vus: vus = 1, iterations: count = 1 }) => {
      const time = { startTime: `${start}s`, maxDuration: `${longest}s`, gracefulStop: GRACE };
      return [
        name,
        { executor: 'shared-iterations', exec: execOf(name), vus: Math.min(vus, count), iterations: count, ...time },
      ];
    },
  );
  return Object.fromEntries(all);
}

/** What a scenario chooses its executors from. */
export const executors = { vus, arrivals, iterations };
