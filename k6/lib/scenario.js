// Which scenario this is: its plan, its parameters, and what it declares about itself.
//
// Every VU holds its own copy of every module and function that a script imports, and there are up to twenty thousand.
// So what only the instance with VU number 0 needs (options, setup, teardown, summary) is loaded by that one alone, and
// what a VU holds is written as arrows: they take a quarter of the memory of a `function`. What every VU of a storm runs
// does without the methods of arrays and without taking arrays apart: the first use of each costs a VU up to 4 kB.
import { declare, declared, plan, setPlan } from './plan.js';

export { plan };

/**
 * Say which scenario this is; the first call of each script.
 * @param {string} name
 * @param {number} version raised when a change of the script makes its figures incomparable
 */
export const scenario = (name, version) => {
  setPlan(read(name));
  if (__VU > 0) return;
  declare(name, version);
};

/** @type {(name: string) => import('./plan.js').Plan} */
const read = (name) => {
  const file = __ENV.CHAMIPERF_PLAN;
  if (!file) {
    /** @type {typeof import('./by_hand.js')} */
    const { planByHand } = require('./by_hand.js');
    return planByHand(name);
  }
  const { format, format_version: version, ...given } = JSON.parse(open(file));
  if (format !== 'chamiperf-plan' || version !== 1) {
    throw new Error(`${file} is ${format} version ${version}, expected chamiperf-plan version 1`);
  }
  if (given.scenario !== name) throw new Error(`${file} is for ${given.scenario}, this is ${name}`);
  return given;
};

/**
 * One of the scenario's own parameters.
 * @template {string | number | boolean} T
 * @param {string} name
 * @param {T} otherwise its default, which also says its type
 * @returns {T}
 */
export const parameter = (name, otherwise) => {
  const value = plan.load.parameters[name] ?? otherwise;
  if (typeof value !== typeof otherwise)
    throw new Error(`parameter ${name} is ${value}, expected a ${typeof otherwise}`);
  return /** @type {T} */ (value);
};

/**
 * What k6 wants of a script: its options, setup, teardown and summary.
 * @param {import('./setup.js').Spec} given
 * @returns {ReturnType<typeof import('./setup.js').specOf>}
 */
export const spec = (given) => {
  if (!declared) return /** @type {any} */ ({});
  /** @type {typeof import('./setup.js')} */
  const { specOf } = require('./setup.js');
  return specOf(given);
};
