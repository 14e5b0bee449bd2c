// A VU's time: when its iterations start, which phase and window they belong to, and whether k6 itself kept up.
// A paced VU starts at a random point of its interval; else a jump in VUs would fire all of them in one millisecond.
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { declared, MEASURED, mostVus, plan, slotAt, windows } from './plan.js';

/** Looked up once: each look-up of a global and of its property costs a VU as much as the call. */
const clock = Date.now;

let startedAt = 0;
/** @type {typeof exec.scenario | null} kept, because k6 builds it anew each time: 10 % of the cost of a request */
let scenario = null;

/** Milliseconds since the scenario started. */
export const elapsedMs = () => {
  if (startedAt === 0) startedAt = exec.scenario.startTime;
  return clock() - startedAt;
};

/** @returns {number} this iteration's number over all VUs and k6 processes, from 0, in order */
export const iterationNumber = () => {
  scenario ??= exec.scenario;
  return scenario.iterationInTest;
};

let node = 0;
let step = 0;
/** Whether the node of this turn is asked for the first time. */
export let isFirstPass = true;

/**
 * The node whose turn it is: all VUs together walk through the nodes. In the first pass k6 counts, so that each node comes
 * exactly once; afterwards each VU steps by itself over as many nodes as there are VUs, because asking k6 costs more.
 * @param {number} nodes
 * @returns {number}
 */
export const nextNode = (nodes) => {
  if (!isFirstPass) {
    node += step;
    if (node >= nodes) node -= nodes;
    return node;
  }
  node = iterationNumber();
  if (node < nodes) return node;
  isFirstPass = false;
  node %= nodes;
  step = mostVus() % nodes;
  return node;
};

/**
 * Tag what follows with the present phase and window.
 * @returns {number} when the next one begins, as Date.now() counts
 */
export const enterWindow = () => {
  const { phase, window, endMs } = slotAt(plan.load.phases, windows, elapsedMs());
  enter(phase, window);
  return startedAt + endMs;
};

let asked = '';

/** @type {(name: string) => void} the name of all that a VU asks for: the VU carries it, so that requests need not */
export const asksOnly = (name) => {
  asked = name;
};

/**
 * Tag what follows with a phase and window that do not follow from the clock.
 * @param {string} phase
 * @param {string | null} window
 */
export const enter = (phase, window) => {
  const { tags } = exec.vu.metrics;
  if (asked !== '') tags.name = asked;
  tags.phase = phase;
  if (window === null) delete tags.window;
  else tags.window = window;
};

/** One iteration in so many is watched: watching each would cost what it is meant to find. */
const WATCH_EVERY = 16;
/** Of one watched iteration in so many, the connections of its requests are kept. */
const CONNECTION_EVERY = 4;
/** An oversleep above this is always recorded, ms. */
const STALL_MS = 50;

/** How the generator itself did, by part: `overrun`, `stall`; and how requests came by their connection: `blocked`,
 * `connecting`, for which k6's own Trends, by phase, would keep each request once more. */
const health = new Trend('chamiperf_health', true);

/** Whether requests add up what they take. */
export let isTimed = false;

let paceMs = 0;
/** @type {number[]} starts of the phases that begin with all VUs at once, ms */
const herds = [];
let due = -1;
let fromHerd = false;
let windowEndsAt = 0;
let watched = false;
let untilWatched = 1 + Math.floor(Math.random() * WATCH_EVERY);
let iterationsWatched = Math.floor(Math.random() * CONNECTION_EVERY);
let beganAt = 0;
let requestMs = 0;
let restMs = 0;
/** When the pacing sleep before this iteration ended; 0 where there was none. */
let wokeAt = 0;
let always = false;

/** Start an iteration: the first one waits for its random point. */
export const begin = () => {
  if (due < 0) firstStart();
  const now = wokeAt > 0 ? wokeAt : clock();
  wokeAt = 0;
  if (now >= windowEndsAt) windowEndsAt = enterWindow();
  untilWatched -= 1;
  watched = untilWatched <= 0;
  if (!watched && !always) return;
  isTimed = true;
  beganAt = now;
  requestMs = 0;
  restMs = 0;
};

const firstStart = () => {
  paceMs = plan.load.pace_s * 1000;
  const now = elapsedMs();
  const { phases } = plan.load;
  for (let i = 0; i < phases.length; i += 1) {
    const start = phases[i].start_s * 1000;
    if (phases[i].herd) herds[herds.length] = start;
    if (start <= now) fromHerd = phases[i].herd === true;
  }
  // Not to the end of the phase at the longest: the VUs that begin late in it would crowd there, and do so every pace.
  const next = fromHerd ? now : now + Math.random() * paceMs;
  const herd = herds.length > 0 ? herds.find((start) => now < start && start <= next) : undefined;
  if (herd !== undefined) fromHerd = true;
  due = herd ?? next;
  if (due > now) sleepUntilDue(now);
};

/**
 * End an iteration: wait until the next one is due. One that is late starts at once and does not catch up.
 * After a herd the VUs spread over their interval again, else they would stay in step.
 */
export const pace = () => {
  if (watched) {
    health.add(Math.max(0, clock() - beganAt - requestMs - restMs), { part: 'overrun' });
    iterationsWatched += 1;
    untilWatched = WATCH_EVERY;
    isTimed = always;
  }
  if (paceMs === 0) return;
  const now = elapsedMs();
  const next = due + (fromHerd ? Math.random() : 1) * paceMs;
  const herd = herds.length > 0 ? herds.find((start) => due < start && start <= next) : undefined;
  fromHerd = herd !== undefined;
  due = Math.max(herd ?? next, now);
  if (due > now) sleepUntilDue(now);
};

/** @type {(now: number) => void} */
const sleepUntilDue = (now) => {
  sleep((due - now) / 1000);
  wokeAt = clock();
  // A wake-up belongs to the window in which it comes, which is not always that of the iteration before.
  if (wokeAt >= windowEndsAt) windowEndsAt = enterWindow();
  const late = wokeAt - startedAt - due;
  if (watched || late > STALL_MS) health.add(Math.max(0, late), { part: 'stall' });
};

/**
 * Count a request's time as the server's, not the generator's.
 * @param {import('k6/http').Response} response
 * @param {Record<string, string>} tags of the request
 */
export const spent = ({ timings }, tags) => {
  requestMs += timings.blocked + timings.duration;
  if (!watched || iterationsWatched % CONNECTION_EVERY > 0) return;
  health.add(timings.blocked, { ...tags, part: 'blocked' });
  health.add(timings.connecting, { ...tags, part: 'connecting' });
};

/** Time the requests of every iteration, not only of those that are watched. */
export const timeRequests = () => {
  always = true;
};

/** Watch every request, where iterations are few or neither begin nor end here. */
export const watchRequests = () => {
  isTimed = true;
  watched = true;
  iterationsWatched = 0;
};

/** @type {(seconds: number) => void} sleep within an iteration, because the stack is not ready: no work of the generator's */
export const rest = (seconds) => {
  sleep(seconds);
  restMs += 1000 * seconds;
};

/** Milliseconds that this iteration has spent in requests so far; waits and the generator's own time are not in it. */
export const requestTime = () => requestMs;

/** When each iteration was done, ms since its phase began. */
const DONE = 'chamiperf_done';
const done = new Trend(DONE, true);
let tagged = '';

/** Have the summary take the windows' seconds from the progress. */
export const declareProgress = () => {
  if (declared) declared.progress = DONE;
};

/**
 * Tag what follows with the phase and the share of its iterations.
 * @returns {{phase: string, turn: number}} the phase that this VU serves, and the iteration's number in it
 */
export const enterShare = () => {
  const { name: phase, iterationInTest: turn } = exec.scenario;
  const all = plan.load.phases.find(({ name }) => name === phase)?.iterations ?? 1;
  const share = phase === MEASURED ? String(Math.floor((turn * windows) / all)) : null;
  if (tagged !== `${phase} ${share}`) {
    tagged = `${phase} ${share}`;
    watchRequests();
    enter(phase, share);
  }
  return { phase, turn };
};

/** Say that the iteration's work is done. */
export const finishShare = () => {
  done.add(Date.now() - exec.scenario.startTime);
};

/**
 * A Trend of a scenario's own that ends up in its summary, by phase and window.
 * @param {string} name what it times, such as `boot path`
 * @param {number} resolution the smallest step between two values, ms
 * @param {{compared?: boolean}} [more]
 */
export const trend = (name, resolution, { compared = true } = {}) => {
  const metric = `chamiperf_${name.split(' ').join('_')}`;
  declared?.trends.push({ metric, name, unit: 'ms', direction: 'lower', compared, resolution });
  return new Trend(metric, true);
};
