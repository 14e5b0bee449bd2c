// What k6 asks a script for: options, setup, teardown, summary. Loaded only by the instance that is asked.
import { shapeOf } from './api.js';
import { authorize } from './credential.js';
import { Figures } from './figures.js';
import * as executors from './executors.js';
import { optionsOf, whatIsDeclared } from './options.js';
import { cleanUp, declareSeeding, prepare } from './seeding.js';
import * as tools from './setting_up.js';
import { summaryOf, write } from './summary.js';

/** @typedef {import('./seeding.js').SetUp} SetUp */

/**
 * What a scenario says of itself.
 * @typedef {object} Spec
 * @property {(by: typeof executors) => Record<string, import('k6/options').Scenario>} runs k6's scenarios, by name
 * @property {(figures: Figures) => import('./figures.js').Scalar[]} [figures] the scenario's own, when the load is over
 * @property {string[]} [makes] kinds of object, by key of `objects` in api.json, that only setup and teardown touch
 * @property {string[]} [counts] Counters by tag that the figures look up, as k6 spells sub-metrics
 * @property {(setUp: SetUp, by: typeof tools) => object | void} [setup] before the load; what it returns goes to the VUs
 * @property {(setUp: any, by: typeof tools) => void} [teardown] after the load
 */

/** @param {Spec} spec */
export function specOf(spec) {
  declareSeeding();
  for (const object of spec.makes ?? []) whatIsDeclared().kinds.add(shapeOf(object).kind);
  return {
    options: optionsOf(spec.runs(executors), spec.counts),

    setup() {
      const setUp = prepare();
      return { ...setUp, ...spec.setup?.(setUp, tools) };
    },

    /** @param {SetUp} setUp */
    teardown(setUp) {
      authorize(setUp.credential);
      spec.teardown?.(setUp, tools);
      cleanUp(setUp);
    },

    /** @param {import('./figures.js').Handed} handed what k6 measured; k6 calls this when the load is over or stopped */
    handleSummary(handed) {
      const figures = new Figures(handed);
      return write(summaryOf(figures, spec.figures?.(figures) ?? []));
    },
  };
}
