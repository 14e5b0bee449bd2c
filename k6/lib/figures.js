// What k6 measured, looked up by metric and tags.
// What k6 hands over is checked first: other versions and settings of k6 hand over something else.
import { APART, QUANTILES, WHY } from './options.js';

/** @typedef {{type: string, contains: string, values: Record<string, number>}} Metric */
/** @typedef {{metrics: Record<string, Metric>, state: {testRunDurationMs: number}, setup_data?: any}} Handed */
/** @typedef {{count: number, min: number, mean: number, max: number, quantiles: Record<string, number>}} Distribution */

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
    this.lowerIsBetter = lowerIsBetter;
    this.higherIsBetter = higherIsBetter;
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

  /**
   * How many requests of a phase had a good answer.
   * @param {string} endpoint
   * @param {string} phase
   */
  good(endpoint, phase) {
    const where = [`name:${endpoint}`, `phase:${phase}`];
    /** @type {(metric: string, causes: string[]) => number} */
    const sum = (metric, causes) => causes.reduce((so, why) => so + this.count(metric, ...where, `why:${why}`), 0);
    return this.count('http_req_duration', ...where) - sum('chamiperf_failed', WHY) - sum('chamiperf_apart', APART);
  }
}

/** @type {(name: string, unit: string, value: number, more?: Partial<Scalar>) => Scalar} */
const lowerIsBetter = (name, unit, value, more) => ({ name, unit, direction: 'lower', value, ...more });

/** @type {(name: string, unit: string, value: number, more?: Partial<Scalar>) => Scalar} */
const higherIsBetter = (name, unit, value, more) => ({ name, unit, direction: 'higher', value, ...more });

/**
 * @param {string} metric
 * @param {string[]} tags
 */
const keyOf = (metric, tags) => (tags.length ? `${metric}{${tags.join(',')}}` : metric);

/**
 * @param {Record<string, number>} values
 * @returns {Record<string, number>}
 */
const quantilesOf = (values) =>
  Object.fromEntries(QUANTILES.map((q) => [`p${q}`, values[q === 50 ? 'med' : `p(${q})`]]));

/** What each type of metric must say of itself. */
const EXPECTED = {
  trend: ['count', 'min', 'avg', 'med', 'max', ...QUANTILES.filter((q) => q !== 50).map((q) => `p(${q})`)],
  counter: ['count'],
};

/** @param {Handed} handed */
function refuseUnknown({ metrics, state }) {
  const paths = Object.entries(metrics ?? {}).flatMap(([name, { type, values }]) =>
    (EXPECTED[/** @type {keyof typeof EXPECTED} */ (type)] ?? []).map((key) => ({
      path: `${name}.${key}`,
      value: values?.[key],
    })),
  );
  paths.push({ path: 'state.testRunDurationMs', value: state?.testRunDurationMs });
  const missing = paths.find(({ value }) => typeof value !== 'number');
  if (!missing) return;
  throw new Error(
    `chamiperf: k6's summary has no ${missing.path}: another k6, or other settings, than these scripts know`,
  );
}
