// Phases that end when their iterations are done: their windows are equal shares of the iterations, not of time, and
// how long each took is measured.
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { plan, windows } from './plan.js';
import { MEASURED } from './phases.js';
import { declared, declaring } from './report.js';
import { enter } from './windows.js';

/** When each iteration was done, ms since its phase began. */
export const DONE = 'chamiperf_done';
const done = new Trend(DONE, true);
let tagged = '';

/** Have the summary take the windows' seconds from the progress. */
export function declareProgress() {
  if (declaring) declared.progress = true;
}

/**
 * Tag what follows with the phase and the share of its iterations.
 * @returns {{phase: import('./phases.js').Phase, turn: number}} the phase of this VU's scenario, the iteration's number in it
 */
export function enterShare() {
  const turn = exec.scenario.iterationInTest;
  const phase = phaseOf(exec.scenario.name);
  const share = phase.name === MEASURED ? String(Math.floor((turn * windows) / (phase.iterations ?? 1))) : null;
  if (tagged !== `${phase.name} ${share}`) {
    tagged = `${phase.name} ${share}`;
    enter(phase.name, share);
  }
  return { phase, turn };
}

/** Say that the iteration's work is done. */
export function finishShare() {
  done.add(Date.now() - exec.scenario.startTime);
}

/** @param {string} scenario k6's name of a phase's scenario */
export const phaseOf = (scenario) => plan.load.phases.find(({ name }) => scenarioName(name) === scenario) ?? plan.load.phases[0];

/** @param {string} phase @returns {string} k6 allows no blank in a scenario's name */
export const scenarioName = (phase) => phase.replace(/\W/g, '_');
