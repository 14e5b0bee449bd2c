// Which phase and window a VU is in, as tags on the VU that change only when the slot does: no cost per request.
import exec from 'k6/execution';
import { slotAt } from './phases.js';
import { plan, windows } from './scenario.js';

let startedAt = 0;
/** @type {typeof exec.scenario | null} kept, because k6 builds it anew each time: 10 % of the cost of a request */
let scenario = null;

/** Milliseconds since the scenario started. */
export const elapsedMs = () => {
  if (startedAt === 0) startedAt = exec.scenario.startTime;
  return Date.now() - startedAt;
};

/** @returns {number} this iteration's number over all VUs and k6 processes, from 0, in order */
export const iterationNumber = () => {
  scenario ??= exec.scenario;
  return scenario.iterationInTest;
};

/**
 * Tag what follows with the present phase and window.
 * @returns {number} when the next one begins, as Date.now() counts
 */
export const enterWindow = () => {
  const { phase, window, endMs } = slotAt(plan.load.phases, windows, elapsedMs());
  enter(phase, window);
  return startedAt + endMs;
};

/**
 * Tag what follows with a phase and window that do not follow from the clock.
 * @param {string} phase
 * @param {string | null} window
 */
export const enter = (phase, window) => {
  const { tags } = exec.vu.metrics;
  tags.phase = phase;
  if (window === null) delete tags.window;
  else tags.window = window;
};
