// The plan of this run: what to drive, how hard and for how long. Read once, never changed; README.md states its format.
import { planByHand } from './by_hand.js';
import { windowCount } from './phases.js';
import { declared, declaring } from './report.js';

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
 * @property {{p99_ms: number | null, error_rate: number | null} | null} [limits] by hand only: k6 thresholds
 */

/** @param {string} name @returns {Plan} */
function read(name) {
  if (!__ENV.CHAMIPERF_PLAN) return planByHand(name);
  const { format, format_version: version, ...given } = JSON.parse(open(__ENV.CHAMIPERF_PLAN));
  if (format !== 'chamiperf-plan' || version !== 1) {
    throw new Error(`${__ENV.CHAMIPERF_PLAN} is ${format} version ${version}, expected chamiperf-plan version 1`);
  }
  if (given.scenario !== name) throw new Error(`${__ENV.CHAMIPERF_PLAN} is for ${given.scenario}, this is ${name}`);
  return given;
}

/** @type {Plan} set by `scenario`, before anything of the library is called */
export let plan;
/** How many windows the phase `sustained` has. */
export let windows = 0;

/**
 * Say which scenario this is; the first call of each script.
 * @param {string} name
 * @param {number} version raised when a change of the script makes its figures incomparable
 */
export function scenario(name, version) {
  plan = read(name);
  windows = windowCount(plan.load.phases, plan.load.windows);
  if (declaring) declared.identity = { name, version };
}

/**
 * One of the scenario's own parameters.
 * @template {string | number | boolean} T
 * @param {string} name
 * @param {T} otherwise its default, which also says its type
 * @returns {T}
 */
export function parameter(name, otherwise) {
  const value = plan.load.parameters[name] ?? otherwise;
  if (typeof value !== typeof otherwise) throw new Error(`parameter ${name} is ${value}, expected a ${typeof otherwise}`);
  return /** @type {T} */ (value);
}
