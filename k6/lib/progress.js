// Phases that end when their iterations are done: their windows are equal shares of the iterations, not of time, and
// how long each took is measured.
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { MEASURED } from './phases.js';
import { declared, plan, windows } from './scenario.js';
import { watchRequests } from './pace.js';
import { enter } from './windows.js';

/** When each iteration was done, ms since its phase began. */
export const DONE = 'chamiperf_done';
const done = new Trend(DONE, true);
let tagged = '';

/** Have the summary take the windows' seconds from the progress. */
export const declareProgress = () => {
  if (declared) declared.progress = DONE;
};

/**
 * Tag what follows with the phase and the share of its iterations.
 * @returns {{phase: string, turn: number}} the phase that this VU serves, and the iteration's number in it
 */
export const enterShare = () => {
  const { name: phase, iterationInTest: turn } = exec.scenario;
  const all = plan.load.phases.find(({ name }) => name === phase)?.iterations ?? 1;
  const share = phase === MEASURED ? String(Math.floor((turn * windows) / all)) : null;
  if (tagged !== `${phase} ${share}`) {
    tagged = `${phase} ${share}`;
    watchRequests();
    enter(phase, share);
  }
  return { phase, turn };
};

/** Say that the iteration's work is done. */
export const finishShare = () => {
  done.add(Date.now() - exec.scenario.startTime);
};
