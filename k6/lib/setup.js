// What k6 asks a script for: options, setup, teardown, summary. Loaded only by the instance that is asked.
import { seedOrder, shapeOf } from './api.js';
import { authorize, shareCredential } from './credential.js';
import { Figures } from './figures.js';
import { kindOf, range, remove, removeEach, stored, storeEach } from './objects.js';
import { executors, highestVus, optionsOf, whatIsDeclared } from './options.js';
import { plan } from './plan.js';
import { endpoint, jsonOf, nodeCount, seeded, send, written } from './request.js';
import { summaryOf, write } from './summary.js';

/**
 * What `setup` hands to every VU and to the summary.
 * @typedef {object} SetUp
 * @property {import('./credential.js').Shared} credential
 * @property {{what: string, reason: string}[]} unavailable
 * @property {string[]} warnings
 */

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

/**
 * What a run by hand seeds in setup and removes in teardown; `chamiperf seed` drives seed.js instead.
 * @type {ReturnType<typeof kindOf>[]}
 */
let kinds = [];

function declareSeeding() {
  if (plan.seeding) kinds = seedOrder().map((name) => kindOf(name, seeded()));
}

/** @returns {SetUp} with a credential for all VUs; where the run is by hand, after seeding */
function prepare() {
  const setUp = { credential: shareCredential(), unavailable: [], warnings: [] };
  authorize(setUp.credential);
  for (const kind of kinds) storeEach(kind, range(0, nodeCount()), setUp.credential, plan.seeding?.batch);
  return setUp;
}

/**
 * Remove what `prepare` seeded.
 * @param {SetUp} setUp
 */
function cleanUp({ credential }) {
  for (const kind of [...kinds].reverse()) removeEach(kind, range(0, nodeCount()), credential);
}

/** @typedef {{key: string, id: string, secret: string}} Account a service account, whose secret the server tells once */

/**
 * Why the stack does not have a kind of object at all.
 * @param {string} object key of `objects` in api.json
 * @returns {string} empty if it has it
 */
function whyAbsent(object) {
  const { service, path } = shapeOf(object);
  if (!plan.urls[service]) return 'no URL is given';
  const list = endpoint({
    name: 'probe',
    service,
    method: 'GET',
    path: `${path}?limit=1`,
    names: written(),
    measured: false,
  });
  const { status, error } = send(list, 0);
  if (status === 0) return error;
  return [404, 405, 501].includes(status) ? `answers ${status}` : '';
}

/**
 * @param {number} index of the node whose id becomes the account's name
 * @returns {Account | null} null if it could not be created
 */
function createAccount(index) {
  const kind = kindOf('service-account', written());
  const response = send(kind.to('create'), index);
  if (!stored(kind, index, response) || response.status === 409) return null;
  const { metadata, spec } = jsonOf(response) ?? {};
  if (!metadata || !spec) return null;
  return { key: metadata.id, id: spec.clientId ?? spec.client_id, secret: spec.clientSecret ?? spec.client_secret };
}

/**
 * @param {number} index
 * @param {Account} account
 */
const removeAccount = (index, account) => remove(kindOf('service-account', written()), index, account.key);

/** What a scenario may do in setup and teardown, out of what is measured. */
const tools = { createAccount, highestVus, range, removeAccount, removeEach, whyAbsent };
