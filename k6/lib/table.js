// The summary as a few lines for a person who runs k6 by hand. Knows nothing of k6.

/** @param {number | undefined} value */
const ms = (value) => (value === undefined ? '-' : value.toFixed(value < 10 ? 2 : 0)).padStart(9);

/**
 * @param {any} summary see README.md
 * @returns {string}
 */
export function textOf({ scenario, profile, series, traffic, scalars, objects, unavailable }) {
  const lines = [`${scenario}, profile ${profile}`, `${'endpoint, phase'.padEnd(36)}${'count'.padStart(9)}${'failed'.padStart(8)}${['p50', 'p95', 'p99'].map((name) => `${name}`.padStart(9)).join('')}`];
  for (const { endpoint, metric, phases } of series) {
    for (const [phase, { count, quantiles }] of Object.entries(phases)) {
      const row = traffic.find((/** @type {any} */ t) => metric === 'latency' && t.endpoint === endpoint && t.phase === phase);
      const failed = String(row?.failed ?? '').padStart(8);
      lines.push(`${`${endpoint}, ${phase}`.padEnd(36)}${String(count).padStart(9)}${failed}${['p50', 'p95', 'p99'].map((q) => ms(quantiles[q])).join('')}`);
    }
  }
  for (const { name, endpoint, value, unit } of scalars) lines.push(`${[name, endpoint].filter(Boolean).join(' ')}: ${Number(value.toPrecision(6))} ${unit}`);
  for (const { kind, created, resolved, failed, removed, left } of objects) lines.push(`${kind}: created ${created}, resolved ${resolved}, failed ${failed}, removed ${removed}, left ${left}`);
  for (const { what, reason } of unavailable) lines.push(`not available: ${what} (${reason})`);
  return `${lines.join('\n')}\n`;
}
