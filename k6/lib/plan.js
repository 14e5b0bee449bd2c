// The plan of a run and what follows from it: phases, windows, k6's stages, shares of a mix. Knows nothing of k6.

/**
 * One phase. VUs or arrivals per second change linearly from `from_*` to `to_*`; a `from` that differs from the level
 * before is a jump.
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} start_s
 * @property {number} duration_s
 * @property {number} [from_vus]
 * @property {number} [to_vus]
 * @property {number} [from_rate]
 * @property {number} [to_rate]
 * @property {number} [iterations] the phase ends when so many are done
 * @property {boolean} [herd] every VU starts an iteration at the phase's first instant
 */

/**
 * @typedef {object} Load
 * @property {'closed' | 'open'} model
 * @property {number} pace_s seconds between the starts of a VU's iterations, 0 for none
 * @property {number} [windows] of the phase `sustained`
 * @property {number} [request_timeout_s]
 * @property {Phase[]} phases
 * @property {Record<string, string | number | boolean>} parameters
 */

/**
 * The plan of a run: what to drive, how hard and for how long. README.md states its format.
 * @typedef {object} Plan
 * @property {string} scenario
 * @property {string} profile
 * @property {string} [dialect] name of a file of dialects/; absent: chamicore
 * @property {Record<string, string>} urls by service; an absent service is not there
 * @property {{insecure: boolean, certificate_file: string | null, key_file: string | null}} tls
 * @property {'none' | 'internal-token' | 'bearer' | 'client-credentials' | 'dev-mode'} credential
 * @property {'keep' | 'fresh'} connections
 * @property {{run_id: string, nodes: number, network: string, written_run_id: string}} identities
 * @property {Load} load
 * @property {number[]} [quantiles] percentages of the summary's quantiles; absent: the usual ones
 * @property {{batch: number} | null} [seeding] by hand only: the script seeds in setup and removes in teardown
 * @property {{p99_ms: number, error_rate: number} | null} [limits] by hand only: k6 thresholds; 0 for none
 */

/**
 * What a script declares for its options and its summary.
 * @typedef {object} Declared
 * @property {string} name
 * @property {number} version
 * @property {Map<string, string>} endpoints measured ones, and the service that answers them
 * @property {Set<string>} names values of the tag `name`, of all requests
 * @property {Trended[]} trends
 * @property {Set<string>} kinds of objects that are created or removed
 * @property {string} progress the Trend that times windows which are shares of iterations; empty where time makes them
 */

/**
 * A Trend of the scenario's own.
 * @typedef {object} Trended
 * @property {string} metric k6's name
 * @property {string} name what it times
 * @property {string} unit
 * @property {'lower' | 'higher'} direction
 * @property {boolean} compared
 * @property {number} resolution smallest step, in `unit`
 */

/** @typedef {{phase: string, window: string | null, endMs: number}} Slot a stretch of time in which the tags stay equal */

/** @typedef {{index: number, of: number}} Shard one k6 process's share of a load: one of equal ones, from 0 */

/** The phase that is compared; the others are shown. */
export const MEASURED = 'sustained';

/** @type {Plan} set by `setPlan`, before anything else of the library is called */
export let plan;
/** How many windows the phase `sustained` has. */
export let windows = 0;
/** @type {Declared | null} null where nobody asks for it: in every VU */
export let declared = null;

/** @type {(given: Plan) => void} */
export const setPlan = (given) => {
  plan = given;
  windows = windowCount(plan.load.phases, plan.load.windows);
};

/** @type {(name: string, version: number) => void} have the script's parts say what they measure and make */
export const declare = (name, version) => {
  declared = { name, version, endpoints: new Map(), names: new Set(), trends: [], kinds: new Set(), progress: '' };
};

/**
 * How many windows the measured phase has: as planned, else a tenth of it under two minutes, else a twentieth. One that
 * ends when its iterations are done has none unless planned: equal shares of its iterations.
 * @param {Phase[]} phases
 * @param {number} [planned]
 * @returns {number}
 */
export const windowCount = (phases, planned) => {
  for (let i = 0; i < phases.length; i += 1) {
    const { name, iterations, duration_s: duration } = phases[i];
    if (name !== MEASURED) continue;
    if (iterations) return planned ?? 0;
    return planned ?? (duration < 120 ? 10 : 20);
  }
  return 0;
};

/**
 * For so long, ms, the VUs of the measured phase stay when it is over: taking thousands of them away keeps k6 busy, which
 * falls into no window then.
 */
const HOLD_MS = 1000;

/**
 * The slot at a moment of a load. The last one never ends, because requests in flight outlive the plan; what begins after
 * the measured phase, where that is the last one, belongs to none.
 * Worked out anew each time: a list of all slots in each of twenty thousand VUs would be 300 MB.
 * @param {Phase[]} phases
 * @param {number} windows
 * @param {number} elapsedMs since the load began
 * @returns {Slot}
 */
export const slotAt = (phases, windows, elapsedMs) => {
  let current = 0;
  while (current < phases.length - 1 && elapsedMs >= 1000 * phases[current + 1].start_s) current += 1;
  const { name: phase, start_s: start, duration_s: duration } = phases[current];
  if (phase !== MEASURED || windows === 0) {
    const next = phases[current + 1];
    return { phase, window: null, endMs: next ? 1000 * next.start_s : Infinity };
  }
  if (elapsedMs >= 1000 * (start + duration)) return { phase: 'after', window: null, endMs: Infinity };
  const window = Math.min(windows - 1, Math.floor(((elapsedMs / 1000 - start) / duration) * windows));
  return { phase, window: String(window), endMs: 1000 * (start + (duration * (window + 1)) / windows) };
};

/** @returns {number} the highest number of VUs that the phases plan */
export const mostVus = () => {
  let most = 0;
  for (let i = 0; i < plan.load.phases.length; i += 1) {
    const { from_vus: from = 0, to_vus: to = 0 } = plan.load.phases[i];
    most = Math.max(most, from, to);
  }
  return most;
};

/**
 * Fill in when each phase starts.
 * @param {Omit<Phase, 'start_s'>[]} phases
 * @returns {Phase[]}
 */
export function sequence(phases) {
  let start = 0;
  return phases.map((phase) => {
    const placed = { ...phase, start_s: start };
    start += phase.duration_s;
    return placed;
  });
}

/**
 * k6's stages for the phases: a jump is a stage of no duration. VUs of the measured phase are taken away a little later.
 * @param {Phase[]} phases
 * @param {'vus' | 'rate'} what
 * @returns {{start: number, highest: number, stages: {duration: string, target: number}[]}}
 */
export function stages(phases, what) {
  /** @param {Phase} phase @returns {[number, number]} */
  const levels = (phase) =>
    what === 'vus' ? [phase.from_vus ?? 0, phase.to_vus ?? 0] : [phase.from_rate ?? 0, phase.to_rate ?? 0];
  const start = levels(phases[0])[0];
  let level = start;
  let highest = start;
  /** @type {{duration: string, target: number}[]} */
  const steps = [];
  let measured = false;
  for (const phase of phases) {
    const [from, to] = levels(phase);
    let ms = Math.round(phase.duration_s * 1000);
    if (what === 'vus' && measured && Math.min(from, to) < level) {
      const hold = Math.round(Math.min(HOLD_MS, ms / 2));
      steps.push({ duration: `${hold}ms`, target: level });
      ms -= hold;
    }
    measured = phase.name === MEASURED;
    if (from !== level) steps.push({ duration: '0s', target: from });
    steps.push({ duration: `${ms}ms`, target: to });
    level = to;
    highest = Math.max(highest, from, to);
  }
  if (what === 'vus' && measured && level > 0) steps.push({ duration: `${HOLD_MS}ms`, target: level });
  return { start, highest, stages: steps };
}

/**
 * A mix of operations in stated shares.
 * @param {Record<string, number>} shares of each operation; they need not sum to anything
 * @returns {(draw: number) => string} the operation for a draw from [0, 1)
 */
export function mixOf(shares) {
  const entries = Object.entries(shares).filter(([, share]) => share > 0);
  const sum = entries.reduce((total, [, share]) => total + share, 0);
  if (!(sum > 0)) throw new Error('the mix of operations is empty, expected at least one share above 0');
  let edge = 0;
  const edges = entries.map(([name, share]) => ({ name, edge: (edge += share / sum) }));
  return (draw) => (edges.find((entry) => draw < entry.edge) ?? edges[edges.length - 1]).name;
}

/**
 * A process's share of the load, by the execution segment that k6 was given.
 * @param {string | null | undefined} segment such as `1/3:2/3`
 * @returns {Shard}
 */
export function shardOf(segment) {
  if (!segment) return { index: 0, of: 1 };
  const [from, to] = segment.split(':').map((bound) => {
    const [over, under = '1'] = bound.split('/');
    return Number(over) / Number(under);
  });
  const of = Math.round(1 / (to - from));
  const index = Math.round(from * of);
  const isEqual = Math.abs(from * of - index) < 1e-6 && Math.abs((to - from) * of - 1) < 1e-6;
  if (!isEqual) throw new Error(`execution segment ${segment} is not one of equal ones, such as 1/3:2/3`);
  return { index, of };
}

/**
 * Those of some items that k6 gives to a shard: it deals VUs and iterations out in turn.
 * @template T
 * @param {T[]} items
 * @param {Shard} shard
 * @returns {T[]}
 */
export const shareOf = (items, { index, of }) => items.filter((_, i) => i % of === index);

/** @type {(count: number, shard: Shard) => number} how many of so many k6 gives to a shard */
export const shareOfCount = (count, { index, of }) => Math.max(0, Math.ceil((count - index) / of));
