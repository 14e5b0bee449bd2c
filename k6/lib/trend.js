// A Trend of a scenario's own that ends up in its summary, by phase and window.
import { Trend } from 'k6/metrics';
import { declared } from './scenario.js';

/**
 * @param {string} name what it times, such as `boot path`
 * @param {number} resolution the smallest step between two values, ms
 * @param {{compared?: boolean}} [more]
 */
export const trend = (name, resolution, { compared = true } = {}) => {
  const metric = `chamiperf_${name.split(' ').join('_')}`;
  declared?.trends.push({ metric, name, unit: 'ms', direction: 'lower', compared, resolution });
  return new Trend(metric, true);
};
