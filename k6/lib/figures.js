// A Trend of a scenario's own, or figures worked out at the end, for the summary.
import { Trend } from 'k6/metrics';
import { declared, declaring } from './report.js';

/**
 * @param {string} name what it times, such as `boot path`
 * @param {object} [more]
 * @param {string} [more.unit]
 * @param {'lower' | 'higher'} [more.direction]
 * @param {boolean} [more.compared]
 * @param {number} [more.resolution]
 */
export function trend(name, { unit = 'ms', direction = 'lower', compared = true, resolution = 1 } = {}) {
  const metric = `chamiperf_${name.replace(/\W+/g, '_')}`;
  if (declaring) declared.trends.push({ metric, name, unit, direction, compared, resolution });
  return new Trend(metric, unit === 'ms');
}

/**
 * Have figures look up a Counter by tags.
 * @param {string} metric
 * @param {string[]} tags
 */
export function countedBy(metric, ...tags) {
  if (declaring) declared.counts.push(`${metric}{${tags.join(',')}}`);
}

/**
 * Figures of the scenario's own, worked out when the load is over.
 * @param {(figures: import('./summary.js').Figures) => import('./summary.js').Scalar[]} work
 */
export function figures(work) {
  if (declaring) declared.scalars.push(work);
}

/**
 * A figure of which less is better.
 * @param {string} name
 * @param {string} unit
 * @param {number} value
 * @param {Partial<import('./summary.js').Scalar>} [more]
 * @returns {import('./summary.js').Scalar}
 */
export const less = (name, unit, value, more = {}) => ({ name, unit, direction: 'lower', value, ...more });

/**
 * A figure of which more is better.
 * @param {string} name
 * @param {string} unit
 * @param {number} value
 * @param {Partial<import('./summary.js').Scalar>} [rest]
 * @returns {import('./summary.js').Scalar}
 */
export const more = (name, unit, value, rest = {}) => ({ name, unit, direction: 'higher', value, ...rest });
