// The phases of a load, and the slots of time in which its tags stay equal. Knows nothing of k6.

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

/** @typedef {{phase: string, window: string | null, endMs: number}} Slot a stretch of time in which the tags stay equal */

/** The phase that is compared; the others are shown. */
export const MEASURED = 'sustained';

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
 * The slot at a moment of a load. The last one never ends, because requests in flight outlive the plan.
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
  const window = Math.min(windows - 1, Math.floor(((elapsedMs / 1000 - start) / duration) * windows));
  const last = current === phases.length - 1 && window === windows - 1;
  return {
    phase,
    window: String(window),
    endMs: last ? Infinity : 1000 * (start + (duration * (window + 1)) / windows),
  };
};
