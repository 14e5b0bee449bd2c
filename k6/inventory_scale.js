// Inventory at scale: operators and services that read and write SMD, one operation per pace (1 s; demo 0.1 s), in a
// stated mix.
// Closed model, because the requirement counts clients of an inventory of 50,000 components.
// PATCH and PUT write the values that are there already, so the seed stays as it was. A PUT carries the ETag of a GET
// before it; a 412 is a conflict between two clients, counted apart and no error. Creates and deletes alternate per VU.
//
//   parameter                            share of the operations, %
//   get list put patch churn             70 10 5 5 10     (churn: a create, next time its delete)
//
//   profile  model   VUs             iterations/s    requests/s per service  created  left  duration
//   demo     closed  100 -> 200      1,000 -> 2,000  smd 1,050 -> 2,100      450      0     8.5 s
//   quick    closed  1,000 -> 2,000  1,000 -> 2,000  smd 1,050 -> 2,100      9,000    0     2 min 50 s
//   full     closed  2,000 -> 4,000  2,000 -> 4,000  smd 2,100 -> 4,200      96,000   0     15 min
//   soak     closed  500             500             smd 525                 91,500   0     1 h 2 min
import exec from 'k6/execution';

import { hasEtags } from './lib/api.js';
import { authorize } from './lib/credential.js';
import { kindOf, remove, sendIfMatch, store } from './lib/objects.js';
import { begin, pace } from './lib/pace.js';
import { mixOf } from './lib/plan.js';
import { call, judge, nodeCount, route, seeded, written } from './lib/request.js';
import { parameter, scenario, spec } from './lib/scenario.js';

scenario('inventory_scale', 1);

const NODES = nodeCount();
const PAGE = 100;
const COMPONENT = kindOf('component', seeded(), ['get', 'put', 'patch'], { put: 412 });
const OWN = kindOf('component', written(), ['create', 'delete']);
const LIST = route('component-list');
const ETAGS = hasEtags();
const nextOperation = mixOf({
  get: parameter('get', 70),
  list: parameter('list', 10),
  put: parameter('put', 5),
  patch: parameter('patch', 5),
  churn: parameter('churn', 10),
});

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ vus }) => ({ inventory_scale: vus('useInventory') }),
  teardown: (setUp, { highestVus, own, range, removeEach }) =>
    removeEach(OWN, own(range(NODES + 1, highestVus())), setUp.credential),
});

let ownExists = false;

/** @type {Record<string, (node: number) => void>} */
const operations = {
  get: (node) => call(COMPONENT.to('get'), node),
  list: (node) => call(LIST, Math.min(node, Math.max(0, NODES - PAGE))),
  patch: (node) => call(COMPONENT.to('patch'), node),
  put: (node) => {
    if (!ETAGS) return void call(COMPONENT.to('put'), node);
    const found = call(COMPONENT.to('get'), node);
    if (found) judge(COMPONENT.to('put'), sendIfMatch(COMPONENT.to('put'), node, '', found.headers.Etag), node);
  },
  churn: () => {
    const own = NODES + exec.vu.idInTest;
    ownExists = ownExists ? !remove(OWN, own, '') : store(OWN, own);
  },
};

/** @type {(setUp: import('./lib/setup.js').SetUp) => void} */
export const useInventory = ({ credential }) => {
  begin();
  authorize(credential);
  operations[nextOperation(Math.random())](Math.floor(Math.random() * NODES));
  pace();
};
