// Cloud-init storm: each VU is a node that fetches meta-data, user-data and vendor-data, in this order, once per pace
// (1 s; demo 0.3 s).
// Closed model, because the requirement counts nodes that boot at the same time.
// An answer is good when it is 200 and is about the node that asks. The time for all three is a figure of its own.
//
//   profile  model   VUs               iterations/s      requests/s per service       created  left  duration
//   demo     closed  200 -> 400        667 -> 1,333      cloud-init 2,000 -> 4,000    0        0     8.5 s
//   quick    closed  1,000 -> 2,000    1,000 -> 2,000    cloud-init 3,000 -> 6,000    0        0     2 min 50 s
//   full     closed  10,000 -> 20,000  10,000 -> 20,000  cloud-init 30,000 -> 60,000  0        0     15 min
//   soak     closed  1,000             1,000             cloud-init 3,000             0        0     1 h 2 min
import { begin, nextNode, pace, requestTime, timeRequests, trend } from './lib/pace.js';
import { asking, nodeCount, route } from './lib/request.js';
import { scenario, spec } from './lib/scenario.js';

scenario('cloud_init_storm', 1);
timeRequests();

const NODES = nodeCount();
const askForMetaData = asking(route('meta-data'));
const askForUserData = asking(route('user-data'));
const askForVendorData = asking(route('vendor-data'));
const allThree = trend('all three documents', 0.001);

export const { options, setup, teardown, handleSummary } = spec({
  runs: ({ vus }) => ({ cloud_init_storm: vus('fetchDocuments') }),
});

export const fetchDocuments = () => {
  begin();
  const node = nextNode(NODES);
  const meta = askForMetaData(node);
  const user = askForUserData(node);
  const vendor = askForVendorData(node);
  if (meta && user && vendor) allThree.add(requestTime());
  pace();
};
