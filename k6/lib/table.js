// The summary as a few lines for a person who runs k6 by hand. Knows nothing of k6.
import { MEASURED } from './phases.js';

const QUANTILES = ['p50', 'p95', 'p99'];

/** @param {number} value @returns {string} milliseconds */
const cell = (value) => value.toFixed(value < 10 ? 2 : 0).padStart(9);

/**
 * The measured phase (all phases where there is none), then the scenario's own figures.
 * @param {any} summary see README.md
 * @returns {string}
 */
export function textOf({ scenario, profile, series, traffic, scalars, objects, unavailable }) {
  const head = [`${scenario}, profile ${profile}`];
  head.push(
    `${'endpoint, phase'.padEnd(40)}${'count'.padStart(9)}${'failed'.padStart(8)}${QUANTILES.map((q) => q.padStart(9)).join('')}`,
  );
  const rows = series.flatMap((/** @type {any} */ { endpoint, metric, phases }) => {
    const shown = phases[MEASURED] ? { [MEASURED]: phases[MEASURED] } : phases;
    return Object.entries(shown).map(([phase, { count, quantiles }]) => {
      const asked = traffic.find(
        (/** @type {any} */ row) => metric === 'latency' && row.endpoint === endpoint && row.phase === phase,
      );
      const name = `${endpoint}, ${phase}`.padEnd(40);
      return `${name}${String(count).padStart(9)}${String(asked?.failed ?? '').padStart(8)}${QUANTILES.map((q) => cell(quantiles[q])).join('')}`;
    });
  });
  const own = [
    ...scalars.map(
      (/** @type {any} */ { name, endpoint, phase, value, unit }) =>
        `${[name, endpoint, phase].filter(Boolean).join(', ')}: ${Number(value.toPrecision(6))} ${unit}`,
    ),
    ...objects.map(
      (/** @type {any} */ { kind, created, resolved, failed, removed, left }) =>
        `${kind}: created ${created}, resolved ${resolved}, failed ${failed}, removed ${removed}, left ${left}`,
    ),
    ...unavailable.map((/** @type {any} */ { what, reason }) => `not available: ${what} (${reason})`),
  ];
  return `${[...head, ...rows, ...own].join('\n')}\n`;
}
