// When a VU starts its iterations, and whether k6 itself kept up.
// A paced VU starts at a random point of its interval; else a jump in VUs would fire all of them in one millisecond.
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { plan } from './plan.js';
import { elapsedMs, enterWindow } from './windows.js';

/** One iteration in so many is watched: watching each would cost what it is meant to find. */
const WATCH_EVERY = 16;
/** An oversleep above this is always recorded, ms. */
const STALL_MS = 50;

const overrun = new Trend('chamiperf_overrun', true);
const stall = new Trend('chamiperf_stall', true);

let paceMs = 0;
/** @type {number[]} starts of the phases that begin with all VUs at once, ms */
let herds = [];
let due = -1;
let iteration = Math.floor(Math.random() * WATCH_EVERY);
let beganAt = 0;
let requestMs = 0;
let watching = false;
let timing = false;
let fromHerd = false;

/** Start an iteration: the first one waits for its random point. */
export function begin() {
  if (due < 0) firstStart();
  enterWindow();
  iteration += 1;
  watching = iteration % WATCH_EVERY === 0;
  requestMs = 0;
  if (watching) beganAt = Date.now();
}

function firstStart() {
  paceMs = plan.load.pace_s * 1000;
  herds = plan.load.phases.filter(({ herd }) => herd).map(({ start_s: start }) => start * 1000);
  const now = elapsedMs();
  fromHerd = herds.some((start) => now >= start && now < start + paceMs);
  due = fromHerd ? now : now + Math.random() * paceMs;
  if (due > now) sleepUntilDue(now);
}

/**
 * End an iteration: wait until the next one is due. One that is late starts at once and does not catch up.
 * After a herd the VUs spread over their interval again, else they would stay in step.
 */
export function pace() {
  if (watching) overrun.add(Math.max(0, Date.now() - beganAt - requestMs));
  if (paceMs === 0) return;
  const now = elapsedMs();
  const next = due + (fromHerd ? Math.random() : 1) * paceMs;
  const herd = herds.find((start) => due < start && start <= next);
  fromHerd = herd !== undefined;
  due = Math.max(herd ?? next, now);
  if (due > now) sleepUntilDue(now);
}

/**
 * Count a request's time as the server's, not the generator's.
 * @param {import('k6/http').Response} response
 */
export function spent(response) {
  if (watching || timing) requestMs += response.timings.blocked + response.timings.duration;
}

/** Time the requests of every iteration, not only of those that are watched. */
export function timeRequests() {
  timing = true;
}

/** Milliseconds that this iteration has spent in requests so far; waits and the generator's own time are not in it. */
export const requestTime = () => requestMs;

/** @param {number} now */
function sleepUntilDue(now) {
  sleep((due - now) / 1000);
  const late = elapsedMs() - due;
  if (watching || late > STALL_MS) stall.add(Math.max(0, late));
}

/** @returns {number} this iteration's number over all VUs and k6 processes, from 0, in order */
export const iterationNumber = () => exec.scenario.iterationInTest;
