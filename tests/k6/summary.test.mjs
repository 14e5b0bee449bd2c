import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { Figures } from '../../k6/lib/figures.js';
import { optionsOf, QUANTILES, requireAsCatalogued } from '../../k6/lib/options.js';
import { declared } from '../../k6/lib/plan.js';
import { scenario } from '../../k6/lib/scenario.js';
import exec from 'k6/execution';
import { summaryOf, write } from '../../k6/lib/summary.js';

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

/** @param {string | null} segment @param {() => void} body */
const asShard = (segment, body) => {
  exec.test.options.executionSegment = segment;
  try {
    body();
  } finally {
    exec.test.options.executionSegment = null;
  }
};

test('a script that measures what the catalogue does not say is refused', () => {
  requireAsCatalogued();
  declared?.endpoints.set('user-data', 'cloud-init');
  try {
    assert.throws(requireAsCatalogued, /scenarios\.json says bootscript, the script measures bootscript,user-data/);
  } finally {
    declared?.endpoints.delete('user-data');
  }
});

test('figures say how those of several shards become one', () => {
  const figures = new Figures(handed({}));
  const [sum, most, rate, remainder] = [
    figures.lowerIsBetter('never', 'nodes', 3),
    figures.lowerIsBetter('until', 's', figures.most(2)),
    figures.higherIsBetter('rate', 'objects/s', figures.rate(5000, 2)),
    figures.lowerIsBetter('not asked', 'nodes', figures.remainder(10, 4)),
  ];
  assert.deepEqual([sum.value, sum.merge], [3, { by: 'sum' }]);
  assert.deepEqual([most.value, most.merge], [2, { by: 'max' }]);
  assert.deepEqual([rate.value, rate.merge], [2500, { by: 'rate', amount: 5000, seconds: 2 }]);
  assert.deepEqual([remainder.value, remainder.merge], [6, { by: 'remainder', whole: 10, part: 4 }]);
});

test('what is no number is left out, but a shard hands its counts over', () => {
  /** @returns {any} */
  const sums = () => {
    const figures = new Figures(handed({}));
    return summaryOf(figures, [figures.higherIsBetter('rate', 'objects/s', figures.rate(7, 0))]);
  };
  assert.deepEqual(sums().scalars, []);
  asShard('1/2:1', () => {
    const { shard, scalars } = sums();
    assert.deepEqual([shard, scalars[0].value, scalars[0].merge.amount], [{ index: 1, of: 2 }, 0, 7]);
  });
});

test('a load lasts from the end of setup to the beginning of teardown', () => {
  const ended = { ...trend(1, 105_000) };
  const clock = { start_at: 100, offset_s: 0.5, began_at: 100.5 };
  const summary = /** @type {any} */ (
    summaryOf(new Figures({ ...handed({ chamiperf_ended: ended }), setup_data: { clock } }), [])
  );
  assert.deepEqual(summary.clock, { ...clock, ended_at: 105.5 });
  assert.equal(summary.duration_s, 5);
});

test('good answers are counted by phase', () => {
  const where = 'name:bootscript,phase:sustained';
  const found = /** @type {any} */ (
    summed({
      [`http_req_duration{${where}}`]: trend(13, 3),
      [`chamiperf_failed{${where},why:content}`]: counter(4),
      [`chamiperf_apart{${where},why:throttled}`]: counter(6),
    })
  );
  assert.deepEqual(found.good, { sustained: 3 });
});

test('a summary for a log is one line of ASCII between two marks, with its checksum', () => {
  Object.assign(__ENV, { CHAMIPERF_SUMMARY: '-' });
  const summary = /** @type {any} */ ({ ...summed({}), warnings: ['größer\u2028'] });
  const { stdout } = write(summary);
  const [, sum, json] =
    /^\nchamiperf-summary-begin sha256:([0-9a-f]{64}) ([ -~]*) chamiperf-summary-end\n$/.exec(stdout) ?? [];
  assert.equal(sum, createHash('sha256').update(json).digest('hex'));
  assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(summary)));
});

test('a path with a star gets the same line, under the number of the shard', () => {
  Object.assign(__ENV, { CHAMIPERF_SUMMARY: '/results/boot-1-*.log' });
  const summary = /** @type {any} */ ({ ...summed({}), shard: { index: 1, of: 3 } });
  const files = write(summary);
  assert.deepEqual(Object.keys(files), ['stdout', '/results/boot-1-2.log']);
  assert.equal(files['/results/boot-1-2.log'], files.stdout);
  assert.match(files.stdout, /^\nchamiperf-summary-begin sha256:/);
});

test('the quantiles that a plan asks for are those that the summary has', () => {
  use({ quantiles: [10, 50, 99] });
  scenario('boot_storm', 3);
  try {
    assert.deepEqual(optionsOf({}).summaryTrendStats, ['count', 'min', 'avg', 'med', 'max', 'p(10)', 'p(50)', 'p(99)']);
  } finally {
    use({});
    scenario('boot_storm', 3);
    declared?.endpoints.set('bootscript', 'bss');
    declared?.kinds.add('components');
  }
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
