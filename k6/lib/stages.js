// How VUs or arrivals follow the phases, in k6's words. Knows nothing of k6 itself.

/** @typedef {import('./phases.js').Phase} Phase */

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
 * k6's stages for the phases: a jump is a stage of no duration.
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
  for (const phase of phases) {
    const [from, to] = levels(phase);
    if (from !== level) steps.push({ duration: '0s', target: from });
    steps.push({ duration: `${Math.round(phase.duration_s * 1000)}ms`, target: to });
    level = to;
    highest = Math.max(highest, from, to);
  }
  return { start, highest, stages: steps };
}
