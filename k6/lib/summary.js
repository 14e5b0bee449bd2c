// The summary of a run: what k6 measured, in the names of the run's model. README.md states the format.
import { APART, CONNECTION, HEALTH, OBJECTS, phaseNames, whatIsDeclared, WHY, windowNames } from './options.js';
import crypto from 'k6/crypto';
import { MEASURED, plan, shareOfCount } from './plan.js';

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./figures.js').Distribution} Distribution */

/** @param {Figures} figures @returns {object[]} */
function seriesOf(figures) {
  const http = { unit: 'ms', direction: 'lower', resolution: 0.001, compared: true };
  return [
    ...[...whatIsDeclared().endpoints].map(([name, service]) => ({
      endpoint: name,
      service,
      metric: 'latency',
      ...http,
      ...slotsOf(figures, 'http_req_duration', [`name:${name}`]),
    })),
    ...whatIsDeclared().trends.map(({ metric, name, ...rest }) => ({
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
  const { progress } = whatIsDeclared();
  if (!progress) {
    const measured = plan.load.phases.find(({ name }) => name === MEASURED);
    return names.map(() => (measured?.duration_s ?? 0) / names.length);
  }
  const ends = windowEnds(figures);
  return ends.map((end, i) => Math.max(0, end - (ends[i - 1] ?? 0)));
}

/**
 * When each window ended, s since its phase began, where windows are shares of the iterations; else nothing.
 * @param {Figures} figures
 * @returns {number[]}
 */
function windowEnds(figures) {
  const { progress } = whatIsDeclared();
  if (!progress) return [];
  return windowNames().map((window) => (figures.distribution(progress, `window:${window}`)?.max ?? 0) / 1000);
}

/** @param {Figures} figures @returns {object[]} */
function trafficOf(figures) {
  return [...whatIsDeclared().endpoints].flatMap(([name, service]) =>
    phaseNames().map((phase) => {
      const where = [`name:${name}`, `phase:${phase}`];
      const by = Object.fromEntries(WHY.map((why) => [why, figures.count('chamiperf_failed', ...where, `why:${why}`)]));
      const [throttled, conflicts] = APART.map((why) => figures.count('chamiperf_apart', ...where, `why:${why}`));
      const [blocked, connecting] = CONNECTION.map((part) =>
        figures.distribution('chamiperf_health', ...where, `part:${part}`),
      );
      const { status, refused, content, no_answer: noAnswer } = by;
      return {
        endpoint: name,
        phase,
        service,
        requests: figures.distribution('http_req_duration', ...where)?.count ?? 0,
        failed: status + refused + content + noAnswer,
        throttled,
        refused,
        conflicts,
        failed_by: by,
        blocked_ms: blocked,
        connecting_ms: connecting,
      };
    }),
  );
}

/** @param {Figures} figures @returns {object[]} */
function objectsOf(figures) {
  return [...whatIsDeclared().kinds].map((kind) => {
    const [created, resolved, failed, removed] = OBJECTS.map((what) =>
      figures.count('chamiperf_objects', `kind:${kind}`, `what:${what}`),
    );
    return { kind, created, resolved, failed, removed, left: Math.max(0, created - removed) };
  });
}

/**
 * The scenario's own figures, each whole. One that is no number (nothing was done, or all in the same millisecond) is left
 * out, but for a shard, whose counts the others' are added to.
 * @param {Figures} figures
 * @param {import('./figures.js').Scalar[]} scalars
 */
const scalarsOf = ({ shard }, scalars) =>
  scalars
    .filter(({ value }) => shard.of > 1 || Number.isFinite(value))
    .map((scalar) => ({
      endpoint: '',
      phase: MEASURED,
      compared: false,
      count: 1,
      resolution: 0,
      ...scalar,
      value: Number.isFinite(scalar.value) ? scalar.value : 0,
    }));

/** @param {Figures} figures @returns {Record<string, Distribution>} */
function progressOf(figures) {
  const all = phaseNames().map((phase) => /** @type {const} */ ([phase, figures.progress(phase)]));
  return Object.fromEntries(all.flatMap(([phase, found]) => (found ? [[phase, found]] : [])));
}

/** @param {Figures} figures */
function clockOf({ clock }) {
  const { seconds: _, ...stamps } = clock;
  return stamps;
}

/** @type {(figures: Figures, ...tags: string[]) => object} */
const healthOf = (figures, ...tags) => {
  const [overrun, stall] = HEALTH.map((part) => figures.distribution('chamiperf_health', ...tags, `part:${part}`));
  return { overrun_ms: overrun, stall_ms: stall };
};

/** Metrics of one request, k6's and how it came by its connection, and of one iteration. */
const PER_REQUEST = 10;
const PER_ITERATION = 4;
/** Metrics of a scenario's own that are not its Trends, the watched health, the end, and what k6 says of VUs. */
const OWN = 9;

/**
 * The most time series that k6 can hold while each endpoint answers with one status; it does not depend on the number
 * of nodes, VUs or requests. A further status of an endpoint adds at most as many as the endpoint has.
 */
const mostTimeSeries = () => {
  const { names, trends, kinds } = whatIsDeclared();
  const slots = phaseNames().length + windowNames().length + 1;
  return slots * (names.size * PER_REQUEST + PER_ITERATION + trends.length + kinds.size * OBJECTS.length + OWN);
};

/**
 * k6 counts the active VUs once a second, and phases that end with their iterations can be over in less. Those begin with
 * all of their VUs at once, so there it is this process's share of the planned ones, as far as k6 made so many.
 * @param {Figures} figures
 * @returns {number}
 */
const mostVus = ({ metrics, shard }) => {
  const atOnce = plan.load.phases.map(({ from_vus: vus = 1, iterations = 0 }) =>
    shareOfCount(Math.min(vus, iterations), shard),
  );
  const made = Math.min(Math.max(...atOnce), metrics.vus_max?.values.max ?? 0);
  return Math.max(made, metrics.vus?.values.max ?? 0);
};

/**
 * @param {Figures} figures
 * @param {import('./figures.js').Scalar[]} scalars the scenario's own figures
 */
export function summaryOf(figures, scalars) {
  const { name, version } = whatIsDeclared();
  return {
    format: 'chamiperf-summary',
    format_version: 1,
    scenario: name,
    scenario_version: version,
    profile: plan.profile,
    duration_s: figures.clock.seconds,
    clock: clockOf(figures),
    shard: figures.shard,
    iterations: figures.count('iterations'),
    dropped_iterations: figures.count('dropped_iterations'),
    max_vus: mostVus(figures),
    series: seriesOf(figures),
    traffic: trafficOf(figures),
    good: figures.goodByPhase(),
    scalars: scalarsOf(figures, scalars),
    objects: objectsOf(figures),
    progress: progressOf(figures),
    window_ends_s: windowEnds(figures),
    time_series: mostTimeSeries(),
    health: {
      ...healthOf(figures),
      phases: Object.fromEntries(phaseNames().map((phase) => [phase, healthOf(figures, `phase:${phase}`)])),
    },
    unavailable: figures.setup.unavailable ?? [],
    warnings: figures.setup.warnings ?? [],
  };
}

/**
 * Where k6 shall write a summary.
 * @param {ReturnType<typeof summaryOf>} summary
 * @returns {Record<string, string>}
 */
export function write(summary) {
  const to = __ENV.CHAMIPERF_SUMMARY;
  if (to === '-') return { stdout: enveloped(JSON.stringify(summary)) };
  if (to?.includes('*')) {
    const line = enveloped(JSON.stringify(summary));
    return { stdout: line, [to.replace('*', String(summary.shard.index + 1))]: line };
  }
  const text = { stdout: textOf(summary) };
  return to ? { ...text, [to]: JSON.stringify(summary) } : text;
}

/**
 * A summary as one line of a log that others write to as well: between two marks, with the checksum of what is between.
 * Only ASCII, so that a log's encoding changes nothing.
 * @param {string} json
 */
function enveloped(json) {
  const text = json.replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `\nchamiperf-summary-begin sha256:${crypto.sha256(text, 'hex')} ${text} chamiperf-summary-end\n`;
}

/** Quantiles that a person is shown. */
const SHOWN = ['p50', 'p95', 'p99'];

/** @param {number} value @returns {string} milliseconds */
const cell = (value) => value.toFixed(value < 10 ? 2 : 0).padStart(9);

/**
 * The summary as a few lines for a person who runs k6 by hand: the measured phase (all phases where there is none), then
 * the scenario's own figures.
 * @param {any} summary see README.md
 * @returns {string}
 */
function textOf({ scenario, profile, series, traffic, scalars, objects, unavailable }) {
  const head = [`${scenario}, profile ${profile}`];
  head.push(
    `${'endpoint, phase'.padEnd(40)}${'count'.padStart(9)}${'failed'.padStart(8)}${SHOWN.map((q) => q.padStart(9)).join('')}`,
  );
  const rows = series.flatMap((/** @type {any} */ { endpoint, metric, phases }) => {
    const shown = phases[MEASURED] ? { [MEASURED]: phases[MEASURED] } : phases;
    return Object.entries(shown).map(([phase, { count, quantiles }]) => {
      const asked = traffic.find(
        (/** @type {any} */ row) => metric === 'latency' && row.endpoint === endpoint && row.phase === phase,
      );
      const name = `${endpoint}, ${phase}`.padEnd(40);
      return `${name}${String(count).padStart(9)}${String(asked?.failed ?? '').padStart(8)}${SHOWN.map((q) => cell(quantiles[q])).join('')}`;
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
