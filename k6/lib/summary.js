// The summary of a run: what k6 measured, in the names of the run's model. README.md states the format.
// What k6 hands over is checked first: other versions and settings of k6 hand over something else.
import { FAILURES, OBJECTS, phaseNames, QUANTILES, WHY, windowNames } from './options.js';
import { MEASURED } from './phases.js';
import { plan } from './plan.js';
import { DONE } from './progress.js';
import { declared } from './report.js';
import { textOf } from './table.js';

/** @typedef {{type: string, contains: string, values: Record<string, number>}} Metric */
/** @typedef {{metrics: Record<string, Metric>, state: {testRunDurationMs: number}, setup_data?: any}} Handed */
/** @typedef {{count: number, min: number, mean: number, max: number, quantiles: Record<string, number>}} Distribution */
/** @typedef {{index: number, seconds: number, count: number, failed: number, quantiles: Record<string, number>}} Window */

/**
 * @typedef {object} Scalar
 * @property {string} name
 * @property {string} [endpoint]
 * @property {string} [phase]
 * @property {string} unit
 * @property {'lower' | 'higher'} direction
 * @property {number} value
 * @property {boolean} [compared]
 * @property {number} [count]
 * @property {number} [resolution]
 */

/** What k6 measured, looked up by metric and tags; a metric that never had a sample is null or 0. */
export class Figures {
  /** @param {Handed} handed */
  constructor(handed) {
    refuseUnknown(handed);
    this.metrics = handed.metrics;
    this.seconds = handed.state.testRunDurationMs / 1000;
    /** What the scenario's `setup` found out. */
    this.setup = handed.setup_data ?? {};
  }

  /**
   * @param {string} metric
   * @param {string[]} tags
   * @returns {Distribution | null}
   */
  distribution(metric, ...tags) {
    const values = this.metrics[keyOf(metric, tags)]?.values;
    if (!values || !values.count) return null;
    const { count, min, avg: mean, max } = values;
    return { count, min, mean, max, quantiles: quantilesOf(values) };
  }

  /**
   * @param {string} metric
   * @param {string[]} tags
   */
  count(metric, ...tags) {
    return this.metrics[keyOf(metric, tags)]?.values.count ?? 0;
  }
}

/**
 * @param {string} metric
 * @param {string[]} tags
 */
const keyOf = (metric, tags) => (tags.length ? `${metric}{${tags.join(',')}}` : metric);

/**
 * @param {Record<string, number>} values
 * @returns {Record<string, number>}
 */
const quantilesOf = (values) => Object.fromEntries(QUANTILES.map((q) => [`p${q}`, values[q === 50 ? 'med' : `p(${q})`]]));

/** @param {Handed} handed */
function refuseUnknown({ metrics, state }) {
  const known = [
    ['state.testRunDurationMs', state?.testRunDurationMs],
    ['metrics', metrics?.vus_max?.values.max],
    ...Object.entries(metrics ?? {}).flatMap(([name, { type, values }]) => {
      if (type === 'trend') return ['count', 'avg', 'med', ...QUANTILES.filter((q) => q !== 50).map((q) => `p(${q})`)].map((key) => [`${name}.${key}`, values[key]]);
      return type === 'counter' ? [[`${name}.count`, values.count]] : [];
    }),
  ];
  const missing = known.find(([, value]) => typeof value !== 'number');
  if (missing) throw new Error(`chamiperf: k6's summary has no ${missing[0]}: not the k6 or not the settings this was written for`);
}

/** @param {Figures} figures @returns {object[]} */
function seriesOf(figures) {
  const http = { unit: 'ms', direction: 'lower', resolution: 0.001, compared: true };
  return [
    ...[...declared.endpoints.values()].map(({ name, service }) => ({
      endpoint: name,
      service,
      metric: 'latency',
      ...http,
      ...slotsOf(figures, 'http_req_duration', [`name:${name}`]),
    })),
    ...declared.trends.map(({ metric, name, ...rest }) => ({
      endpoint: name,
      service: '',
      metric: name,
      ...rest,
      ...slotsOf(figures, metric, []),
    })),
  ];
}

/**
 * A Trend by phase and by window.
 * @param {Figures} figures
 * @param {string} metric
 * @param {string[]} tags
 */
function slotsOf(figures, metric, tags) {
  /** @type {Record<string, Distribution>} */
  const phases = {};
  for (const phase of phaseNames()) {
    const found = figures.distribution(metric, ...tags, `phase:${phase}`);
    if (found) phases[phase] = found;
  }
  const seconds = windowSeconds(figures);
  const windows = windowNames().map((window, index) => {
    const found = figures.distribution(metric, ...tags, `window:${window}`);
    return {
      index,
      seconds: seconds[index],
      count: found?.count ?? 0,
      failed: tags.length ? figures.count('chamiperf_failed', ...tags, `window:${window}`) : 0,
      quantiles: found?.quantiles ?? {},
    };
  });
  return { phases, windows };
}

/**
 * How long each window took: planned, or measured where windows are shares of the iterations.
 * @param {Figures} figures
 * @returns {number[]}
 */
function windowSeconds(figures) {
  const names = windowNames();
  if (!declared.progress) {
    const measured = plan.load.phases.find(({ name }) => name === MEASURED);
    return names.map(() => (measured?.duration_s ?? 0) / names.length);
  }
  const ends = names.map((window) => figures.distribution(DONE, `window:${window}`)?.max ?? 0);
  return ends.map((end, i) => Math.max(0, end - (ends[i - 1] ?? 0)) / 1000);
}

/** @param {Figures} figures @returns {object[]} */
function trafficOf(figures) {
  return [...declared.endpoints.values()].flatMap(({ name, service }) =>
    phaseNames().map((phase) => {
      const where = [`name:${name}`, `phase:${phase}`];
      const by = Object.fromEntries(WHY.map((why) => [why, figures.count('chamiperf_failed', ...where, `why:${why}`)]));
      const [throttled, refused, tolerated] = FAILURES.map((metric) => figures.count(metric, ...where));
      return {
        endpoint: name,
        phase,
        service,
        requests: figures.distribution('http_req_duration', ...where)?.count ?? 0,
        failed: by.status + by.content + by.no_answer,
        throttled,
        refused,
        conflicts: tolerated,
        failed_by: by,
        blocked_ms: figures.distribution('http_req_blocked', ...where),
        connecting_ms: figures.distribution('http_req_connecting', ...where),
      };
    }),
  );
}

/** @param {Figures} figures @returns {object[]} */
function objectsOf(figures) {
  return [...declared.kinds].map((kind) => {
    const [created, resolved, failed, removed] = OBJECTS.map((metric) => figures.count(metric, `kind:${kind}`));
    return { kind, created, resolved, failed, removed, left: Math.max(0, created - removed) };
  });
}

/** @param {Figures} figures */
function summaryOf(figures) {
  return {
    format: 'chamiperf-summary',
    format_version: 1,
    scenario: declared.identity.name,
    scenario_version: declared.identity.version,
    profile: plan.profile,
    duration_s: figures.seconds,
    iterations: figures.count('iterations'),
    dropped_iterations: figures.count('dropped_iterations'),
    max_vus: figures.metrics.vus.values.max,
    series: seriesOf(figures),
    traffic: trafficOf(figures),
    scalars: declared.scalars.flatMap((scalars) => scalars(figures)).map((scalar) => ({ endpoint: '', phase: MEASURED, compared: false, count: 1, resolution: 0, ...scalar })),
    objects: objectsOf(figures),
    health: { overrun_ms: figures.distribution('chamiperf_overrun'), stall_ms: figures.distribution('chamiperf_stall') },
    unavailable: figures.setup.unavailable ?? [],
    warnings: figures.setup.warnings ?? [],
  };
}

/**
 * k6 calls this once when the load is over or was stopped.
 * @param {Handed} handed
 * @returns {Record<string, string>}
 */
export function handleSummary(handed) {
  const summary = summaryOf(new Figures(handed));
  const text = { stdout: textOf(summary) };
  return __ENV.CHAMIPERF_SUMMARY ? { ...text, [__ENV.CHAMIPERF_SUMMARY]: JSON.stringify(summary) } : text;
}
