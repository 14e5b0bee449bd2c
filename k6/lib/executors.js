// How k6 drives a scenario's functions: VUs or arrivals that follow the phases, or a number of iterations.
import { plan } from './scenario.js';
import { stages } from './stages.js';

/** @typedef {import('k6/options').Scenario} Executor */

/** VUs and requests get so long to end by themselves when they are no longer planned; GitHub kills after 10 s. */
const GRACE = '5s';

/** The highest number of VUs that the phases plan. */
export const highestVus = () => stages(plan.load.phases, 'vus').highest;

/**
 * VUs that follow the phases (closed model).
 * @param {string} exec name of the exported function
 * @returns {Executor}
 */
export function vus(exec) {
  const { start, stages: steps } = stages(plan.load.phases, 'vus');
  const grace = { gracefulStop: GRACE, gracefulRampDown: GRACE };
  return { executor: 'ramping-vus', exec, startVUs: start, stages: steps, ...grace };
}

/**
 * Arrivals that follow the phases (open model), with VUs enough for iterations of so many seconds.
 * @param {string} exec name of the exported function
 * @param {number} seconds
 * @returns {Executor}
 */
export function arrivals(exec, seconds) {
  const { start, highest, stages: steps } = stages(plan.load.phases, 'rate');
  const enough = Math.max(10, Math.ceil(highest * seconds));
  const pool = { preAllocatedVUs: enough, maxVUs: enough, gracefulStop: GRACE };
  return { executor: 'ramping-arrival-rate', exec, startRate: start, timeUnit: '1s', stages: steps, ...pool };
}

/**
 * Phases that end when their iterations are done, one of k6's scenarios each.
 * @param {(phase: string) => string} execOf name of the exported function for a phase
 * @returns {Record<string, Executor>}
 */
export function iterations(execOf) {
  const all = plan.load.phases.map(
    ({ name, start_s: start, duration_s: longest, from_vus: vus = 1, iterations: count = 1 }) => {
      const time = { startTime: `${start}s`, maxDuration: `${longest}s`, gracefulStop: GRACE };
      return [
        name,
        { executor: 'shared-iterations', exec: execOf(name), vus: Math.min(vus, count), iterations: count, ...time },
      ];
    },
  );
  return Object.fromEntries(all);
}
