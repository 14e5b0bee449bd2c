import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { Figures } from '../../k6/lib/figures.js';
import { optionsOf, QUANTILES } from '../../k6/lib/options.js';
import { declared } from '../../k6/lib/plan.js';
import { scenario } from '../../k6/lib/scenario.js';
import { summaryOf } from '../../k6/lib/summary.js';

const plan = {
  format: 'chamiperf-plan',
  format_version: 1,
  scenario: 'boot_storm',
  profile: 'demo',
  urls: {},
  tls: { insecure: false, certificate_file: null, key_file: null },
  credential: 'none',
  connections: 'keep',
  identities: { run_id: 'r2026a', nodes: 10, network: '198.18.0.0/15', written_run_id: 'w4711b' },
  load: {
    model: 'closed',
    pace_s: 1,
    windows: 2,
    phases: [{ name: 'sustained', start_s: 0, duration_s: 4, from_vus: 1, to_vus: 1 }],
    parameters: {},
  },
};

/** @param {object} changed */
const use = (changed) => {
  const file = join(mkdtempSync(join(tmpdir(), 'plan-')), 'plan.json');
  writeFileSync(file, JSON.stringify({ ...plan, ...changed }));
  Object.assign(globalThis, { __ENV: { CHAMIPERF_PLAN: file } });
};

before(() => {
  use({});
  scenario('boot_storm', 3);
  declared?.endpoints.set('bootscript', 'bss');
  declared?.kinds.add('components');
});

/** A Trend as k6 hands it over. @param {number} count @param {number} value */
const trend = (count, value) => ({
  type: 'trend',
  contains: 'time',
  values: {
    count,
    ...Object.fromEntries(
      ['min', 'avg', 'med', 'max', ...QUANTILES.map((q) => `p(${q})`)].map((key) => [key, count ? value : 0]),
    ),
  },
});
/** @param {number} count */
const counter = (count) => ({ type: 'counter', contains: 'default', values: { count, rate: 1 } });

/** @param {Record<string, object>} metrics */
const handed = (metrics) => /** @type {any} */ ({ state: { testRunDurationMs: 4100 }, metrics, setup_data: {} });

/** @param {Record<string, object>} metrics */
const summed = (metrics) => summaryOf(new Figures(handed(metrics)), []);

test('every figure that the summary needs is a sub-metric, by a threshold that cannot fail', () => {
  const { thresholds } = optionsOf({});
  assert.deepEqual(
    Object.entries(thresholds ?? {}).filter(([, [limit]]) => !['max>=0', 'count>=0'].includes(String(limit))),
    [],
  );
  assert.ok('http_req_duration{name:bootscript,window:1}' in (thresholds ?? {}));
});

test('a window without requests has count 0 and no quantiles', () => {
  const { series } = /** @type {any} */ (summed({ 'http_req_duration{name:bootscript,window:0}': trend(0, 0) }));
  assert.deepEqual(series[0].windows[0], { index: 0, seconds: 2, count: 0, failed: 0, quantiles: {} });
});

test('a phase without requests is absent', () => {
  const { series } = /** @type {any} */ (summed({ 'http_req_duration{name:bootscript,phase:sustained}': trend(0, 0) }));
  assert.deepEqual(series[0].phases, {});
});

test('a phase has its distribution, the median under p50', () => {
  const { series } = /** @type {any} */ (
    summed({ 'http_req_duration{name:bootscript,phase:sustained}': trend(9, 7.5) })
  );
  const { count, mean, quantiles } = series[0].phases.sustained;
  assert.deepEqual([count, mean, quantiles.p50, quantiles['p99.9']], [9, 7.5, 7.5, 7.5]);
});

test('failures are the sum of their causes, throttled and tolerated answers are not among them', () => {
  const where = 'name:bootscript,phase:sustained';
  const { traffic } = /** @type {any} */ (
    summed({
      [`chamiperf_failed{${where},why:status}`]: counter(2),
      [`chamiperf_failed{${where},why:refused}`]: counter(3),
      [`chamiperf_failed{${where},why:content}`]: counter(4),
      [`chamiperf_apart{${where},why:throttled}`]: counter(50),
      [`chamiperf_apart{${where},why:tolerated}`]: counter(60),
    })
  );
  const { failed, refused, throttled, conflicts } = traffic[0];
  assert.deepEqual({ failed, refused, throttled, conflicts }, { failed: 9, refused: 3, throttled: 50, conflicts: 60 });
});

test('only requests with a good answer are good', () => {
  const where = 'name:token,phase:sustained';
  const figures = new Figures(
    handed({
      [`http_req_duration{${where}}`]: trend(119, 3),
      [`chamiperf_failed{${where},why:status}`]: counter(60),
      [`chamiperf_failed{${where},why:refused}`]: counter(20),
      [`chamiperf_failed{${where},why:content}`]: counter(10),
      [`chamiperf_failed{${where},why:no_answer}`]: counter(5),
      [`chamiperf_apart{${where},why:throttled}`]: counter(4),
    }),
  );
  assert.equal(figures.good('token', 'sustained'), 20);
});

test('objects that are left are those created and not removed', () => {
  const { objects } = /** @type {any} */ (
    summed({
      'chamiperf_objects{kind:components,what:created}': counter(10),
      'chamiperf_objects{kind:components,what:removed}': counter(7),
    })
  );
  assert.equal(objects[0].left, 3);
});

test('a Trend without the quantiles that were asked for is refused', () => {
  const bad = { type: 'trend', contains: 'time', values: { count: 1, min: 1, avg: 1, med: 1, max: 1 } };
  assert.throws(() => summed({ http_req_duration: bad }), /has no http_req_duration\.p\(1\)/);
});

test('a summary of another shape is refused', () => {
  assert.throws(() => new Figures(/** @type {any} */ ({ results: [] })), /has no state\.testRunDurationMs/);
});

test("another scenario's plan is refused", () => {
  use({ scenario: 'cloud_init_storm' });
  assert.throws(() => scenario('boot_storm', 3), /is for cloud_init_storm, this is boot_storm/);
});

test('a plan of an unknown version is refused', () => {
  use({ format_version: 2 });
  assert.throws(() => scenario('boot_storm', 3), /version 2, expected chamiperf-plan version 1/);
});
