// Which scenario this is: its plan, its parameters, and what it declares about itself.
//
// Every VU holds its own copy of every module and function that a script imports, and there are up to twenty thousand.
// So what only the instance with VU number 0 needs (options, setup, teardown, summary) is loaded by that one alone, and
// what a VU holds is written as arrows: they take a quarter of the memory of a `function`. What every VU of a storm runs
// does without the methods of arrays and without taking arrays apart: the first use of each costs a VU up to 4 kB.
import { windowCount } from './phases.js';

/** @typedef {import('./phases.js').Phase} Phase */

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
 * @property {Record<string, string>} urls by service; an absent service is not there
 * @property {{insecure: boolean, certificate_file: string | null, key_file: string | null}} tls
 * @property {'none' | 'internal-token' | 'bearer' | 'client-credentials' | 'dev-mode'} credential
 * @property {'keep' | 'fresh'} connections
 * @property {{run_id: string, nodes: number, network: string, written_run_id: string}} identities
 * @property {Load} load
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

/** @type {Plan} set by `scenario`, before anything else of the library is called */
export let plan;
/** How many windows the phase `sustained` has. */
export let windows = 0;
/** @type {Declared | null} null where nobody asks for it: in every VU */
export let declared = null;

/**
 * Say which scenario this is; the first call of each script.
 * @param {string} name
 * @param {number} version raised when a change of the script makes its figures incomparable
 */
export const scenario = (name, version) => {
  plan = read(name);
  windows = windowCount(plan.load.phases, plan.load.windows);
  if (__VU > 0) return;
  declared = { name, version, endpoints: new Map(), names: new Set(), trends: [], kinds: new Set(), progress: '' };
};

/** @type {(name: string) => Plan} */
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
 * @param {import('./spec.js').Spec} given
 * @returns {ReturnType<typeof import('./spec.js').specOf>}
 */
export const spec = (given) => {
  if (!declared) return /** @type {any} */ ({});
  /** @type {typeof import('./spec.js')} */
  const { specOf } = require('./spec.js');
  return specOf(given);
};
