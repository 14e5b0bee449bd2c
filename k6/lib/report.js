// What a scenario declares about itself: the endpoints, Trends and figures that end up in its summary.
// Ten thousand VUs run this file too, so only the one instance of the script that k6 asks for options keeps anything.

/**
 * @typedef {object} Measured an endpoint whose requests are measured
 * @property {string} name
 * @property {string} service
 */

/**
 * @typedef {object} Timed a Trend of the scenario's own
 * @property {string} metric k6's name of the Trend
 * @property {string} name what it times
 * @property {string} unit
 * @property {'lower' | 'higher'} direction
 * @property {boolean} compared
 * @property {number} resolution smallest step, in `unit`
 */

/**
 * @typedef {object} Counted a kind of object that the script creates or removes
 * @property {string} kind
 */

/** @typedef {import('./summary.js').Figures} Figures */
/** @typedef {import('./summary.js').Scalar} Scalar */

/** @type {{identity: {name: string, version: number}, endpoints: Map<string, Measured>, trends: Timed[], progress: boolean, counts: string[], kinds: Set<string>, scalars: ((figures: Figures) => Scalar[])[]}} */
export const declared = { identity: { name: '', version: 0 }, endpoints: new Map(), trends: [], progress: false, counts: [], kinds: new Set(), scalars: [] };

/** Whether this instance of the script is the one that k6 asks for options and for the summary. */
export const declaring = __VU === 0;
