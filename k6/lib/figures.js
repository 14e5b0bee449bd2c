// What k6 measured, looked up by metric and tags.
// What k6 hands over is checked first: other versions and settings of k6 hand over something else.
import exec from 'k6/execution';
import { APART, phaseNames, quantiles, whatIsDeclared, WHY } from './options.js';
import { shardOf, shareOfCount } from './plan.js';

/** @typedef {{type: string, contains: string, values: Record<string, number>}} Metric */
/** @typedef {{metrics: Record<string, Metric>, state: {testRunDurationMs: number}, setup_data?: any}} Handed */
/** @typedef {import('./plan.js').Shard} Shard */
/** @typedef {{count: number, min: number, mean: number, max: number, quantiles: Record<string, number>}} Distribution */

/**
 * @typedef {object} Scalar
 * @property {string} name
 * @property {string} [endpoint]
 * @property {string} [phase]
 * @property {string} unit
 * @property {'lower' | 'higher'} direction
 * @property {number} value
 * @property {Merge} merge how the value of several shards follows from theirs
 * @property {boolean} [compared]
 * @property {number} [count]
 * @property {number} [resolution]
 */

/**
 * How a figure is worked out, so that it can be worked out again from several shards' counts. README.md has the rules.
 * @typedef {{by: 'sum'} | {by: 'max'} | {by: 'rate', amount: number, seconds: number}
 *   | {by: 'remainder', whole: number, part: number}
 *   | {by: 'change', endpoint: string, quantile: string, from: string, to: string}
 *   | {by: 'spread', amount: number, phase: string}} Merge
 */

/** @typedef {{value: number, merge: Merge}} Figure */
/** @typedef {Partial<Omit<Scalar, 'value' | 'merge'>>} More */

/** What k6 measured, looked up by metric and tags; a metric that never had a sample is null or 0. */
export class Figures {
  /** @param {Handed} handed */
  constructor(handed) {
    refuseUnknown(handed);
    this.metrics = handed.metrics;
    /** What the scenario's `setup` found out. */
    this.setup = handed.setup_data ?? {};
    /** @type {Shard} */
    this.shard = shardOf(exec.test.options.executionSegment);
    this.clock = clockOf(handed);
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

  /** Good answers of all measured endpoints, by phase. @returns {Record<string, number>} */
  goodByPhase() {
    const endpoints = [...whatIsDeclared().endpoints.keys()];
    return Object.fromEntries(
      phaseNames().map((phase) => [phase, endpoints.reduce((sum, name) => sum + this.good(name, phase), 0)]),
    );
  }

  /** @type {(count: number) => number} this process's share of a number that the plan states */
  ownShare(count) {
    return shareOfCount(count, this.shard);
  }

  /** @type {(name: string, unit: string, figure: number | Figure, more?: More) => Scalar} a number alone is added up */
  lowerIsBetter(name, unit, figure, more) {
    return { name, unit, direction: 'lower', ...asFigure(figure), ...more };
  }

  /** @type {(name: string, unit: string, figure: number | Figure, more?: More) => Scalar} a number alone is added up */
  higherIsBetter(name, unit, figure, more) {
    return { name, unit, direction: 'higher', ...asFigure(figure), ...more };
  }

  /** @type {(value: number) => Figure} the largest of all shards' */
  most(value) {
    return { value, merge: { by: 'max' } };
  }

  /** @type {(amount: number, seconds: number) => Figure} an amount per second */
  rate(amount, seconds) {
    return { value: amount / seconds, merge: { by: 'rate', amount, seconds } };
  }

  /** @type {(whole: number, part: number) => Figure} what is missing of a whole that all shards share */
  remainder(whole, part) {
    return { value: whole - part, merge: { by: 'remainder', whole, part } };
  }

  /** @type {(endpoint: string, quantile: string, from: string, to: string) => Figure | null} of a latency, %, by phases */
  change(endpoint, quantile, from, to) {
    const [before, after] = [from, to].map((phase) =>
      this.distribution('http_req_duration', `name:${endpoint}`, `phase:${phase}`),
    );
    if (!before || !after) return null;
    const value = 100 * (after.quantiles[quantile] / before.quantiles[quantile] - 1);
    return { value, merge: { by: 'change', endpoint, quantile, from, to } };
  }

  /** @type {(amount: number, phase: string) => Figure} an amount per second, of the middle 80 % of a phase's iterations */
  middleRate(amount, phase) {
    const { p10 = 0, p90 = 0 } = this.progress(phase)?.quantiles ?? {};
    return { value: (0.8 * amount) / ((p90 - p10) / 1000), merge: { by: 'spread', amount, phase } };
  }

  /** @type {(phase: string) => Distribution | null} when iterations were done, ms since the phase began */
  progress(phase) {
    const { progress } = whatIsDeclared();
    return progress ? this.distribution(progress, `phase:${phase}`) : null;
  }
}

/** @type {(figure: number | Figure) => Figure} */
const asFigure = (figure) => (typeof figure === 'number' ? { value: figure, merge: { by: 'sum' } } : figure);

/** When a load's last iteration was over, ms, as Date.now() counts. */
export const ENDED = 'chamiperf_ended';

/**
 * When the load was on, without setup and teardown, s since the epoch by the clock that the start was asked for.
 * @param {Handed} handed
 * @returns {{start_at: number | null, offset_s: number, began_at: number | null, ended_at: number | null, seconds: number}}
 */
function clockOf({ metrics, state, setup_data: setUp }) {
  const { start_at: startAt = null, offset_s: offset = 0, began_at: began = null } = setUp?.clock ?? {};
  const ended = metrics[ENDED]?.values.max;
  const endedAt = ended === undefined ? null : ended / 1000 + offset;
  const seconds = began === null || endedAt === null ? state.testRunDurationMs / 1000 : endedAt - began;
  return { start_at: startAt, offset_s: offset, began_at: began, ended_at: endedAt, seconds };
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
const quantilesOf = (values) =>
  Object.fromEntries(quantiles().map((q) => [`p${q}`, values[q === 50 ? 'med' : `p(${q})`]]));

/** @param {Handed} handed */
function refuseUnknown({ metrics, state }) {
  /** What each type of metric must say of itself. @type {Record<string, string[]>} */
  const expected = {
    trend: ['count', 'min', 'avg', 'med', 'max', ...quantiles().flatMap((q) => (q === 50 ? [] : [`p(${q})`]))],
    counter: ['count'],
  };
  const paths = Object.entries(metrics ?? {}).flatMap(([name, { type, values }]) =>
    (expected[type] ?? []).map((key) => ({
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
