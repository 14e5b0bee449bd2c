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

/** @typedef {{endMs: number, phase: string, window: string | null}} Slot */

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
  const phase = phases.find(({ name }) => name === MEASURED);
  if (!phase) return 0;
  if (phase.iterations) return planned ?? 0;
  return planned ?? (phase.duration_s < 120 ? 10 : 20);
};

/**
 * The slots of a load in order; the last one never ends, because requests in flight outlive the plan.
 * @param {Phase[]} phases
 * @param {number} windows
 * @returns {Slot[]}
 */
export const slots = (phases, windows) => {
  const all = phases.flatMap((phase) => {
    const parts = phase.name === MEASURED && windows > 0 ? windows : 1;
    return Array.from({ length: parts }, (_, part) => ({
      endMs: (phase.start_s + (phase.duration_s * (part + 1)) / parts) * 1000,
      phase: phase.name,
      window: parts > 1 ? String(part) : null,
    }));
  });
  return all.map((slot, i) => (i === all.length - 1 ? { ...slot, endMs: Infinity } : slot));
};
