// What k6 asks a script for: options, setup, teardown, summary. Loaded only by the instance that is asked.
import { shapeOf } from './api.js';
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { authorize, shareCredential } from './credential.js';
import { ENDED, Figures } from './figures.js';
import { kindOf, range, remove, removeEach, seedKinds, stored, storeEach } from './objects.js';
import { catalogued, executors, highestVus, optionsOf, requireAsCatalogued, whatIsDeclared } from './options.js';
import { plan, shardOf, shareOf } from './plan.js';
import { endpoint, jsonOf, nodeCount, seeded, send, written } from './request.js';
import { summaryOf, write } from './summary.js';

/**
 * What `setup` hands to every VU and to the summary.
 * @typedef {object} SetUp
 * @property {import('./credential.js').Shared} credential
 * @property {{what: string, reason: string, endpoints?: string[]}[]} unavailable endpoints: those it leaves unasked
 * @property {string[]} warnings
 * @property {{start_at: number | null, offset_s: number, began_at: number}} [clock] s since the epoch; see README.md
 */

/**
 * What a scenario says of itself.
 * @typedef {object} Spec
 * @property {(by: typeof executors) => Record<string, import('k6/options').Scenario>} runs k6's scenarios, by name
 * @property {(figures: Figures) => import('./figures.js').Scalar[]} [figures] the scenario's own, when the load is over
 * @property {string[]} [makes] kinds of object, by key of `objects` in the dialect, that only setup and teardown touch
 * @property {string[]} [counts] Counters by tag that the figures look up, as k6 spells sub-metrics
 * @property {(setUp: SetUp, by: typeof tools) => object | void} [setup] before the load; what it returns goes to the VUs
 * @property {(setUp: any, by: typeof tools) => void} [teardown] after the load
 */

/** @param {Spec} spec */
export function specOf(spec) {
  requireAsCatalogued();
  declareSeeding();
  const begin = startOf(__ENV.CHAMIPERF_START_AT, __ENV.CHAMIPERF_CLOCK_OFFSET_S);
  const ended = new Trend(ENDED);
  for (const object of spec.makes ?? []) whatIsDeclared().kinds.add(shapeOf(object).kind);
  return {
    options: optionsOf(spec.runs(executors), spec.counts),

    setup() {
      refuseSplitting();
      const setUp = prepare();
      return { ...setUp, ...spec.setup?.(setUp, tools), clock: begin() };
    },

    /** @param {SetUp} setUp */
    teardown(setUp) {
      ended.add(Date.now());
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
 * How to wait for the instant at which all shards of a load begin.
 * @param {string | undefined} at s since the epoch, by the clock that all shards agree on; nothing begins at once
 * @param {string | undefined} offset s that this machine's clock is behind that one
 */
export function startOf(at, offset) {
  const [startAt, offsetS] = [secondsIn('CHAMIPERF_START_AT', at), secondsIn('CHAMIPERF_CLOCK_OFFSET_S', offset) ?? 0];
  const now = () => Date.now() / 1000 + offsetS;
  return () => {
    for (let left = (startAt ?? 0) - now(); left > 0; left = (startAt ?? 0) - now()) sleep(left);
    return { start_at: startAt, offset_s: offsetS, began_at: now() };
  };
}

/** @type {(variable: string, text: string | undefined) => number | null} */
function secondsIn(variable, text) {
  if (!text) return null;
  if (Number.isFinite(Number(text))) return Number(text);
  throw new Error(`${variable} is ${text}, expected a number of seconds`);
}

/** This process's share of the load; k6 says which only once it has read the options. */
const ownShard = () => shardOf(exec.test.options.executionSegment);

/** Refuse what no number of processes can do together. */
function refuseSplitting() {
  const { of } = ownShard();
  if (of > 1 && catalogued()?.splits === false)
    throw new Error(
      `${whatIsDeclared().name} cannot be split: one VU does all of it. Run it without execution segment`,
    );
  if (of > 1 && plan.seeding) throw new Error('a load that is split is not seeded by hand. Run chamiperf seed first');
}

/**
 * What a run by hand seeds in setup and removes in teardown; `chamiperf seed` drives seed.js instead.
 * @type {ReturnType<typeof kindOf>[]}
 */
let kinds = [];

function declareSeeding() {
  if (plan.seeding) kinds = seedKinds(seeded());
}

/** @returns {SetUp} with a credential for all VUs; where the run is by hand, after seeding */
function prepare() {
  const setUp = { credential: shareCredential(), unavailable: [], warnings: [] };
  authorize(setUp.credential);
  for (const kind of kinds.filter(({ implied }) => !implied))
    storeEach(kind, range(0, nodeCount()), setUp.credential, plan.seeding?.batch);
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
 * @param {string} object key of `objects` in the dialect
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
const tools = {
  createAccount,
  highestVus,
  range,
  removeAccount,
  removeEach,
  whyAbsent,
  /** Which share of the load this process has. */
  shard: ownShard,
  /** @template T @param {T[]} items @returns {T[]} those that this process's VUs or iterations had, of all in order */
  own: (items) => shareOf(items, ownShard()),
};
