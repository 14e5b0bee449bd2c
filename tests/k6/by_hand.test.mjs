import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planByHand, seconds } from '../../k6/lib/by_hand.js';

/** @param {string} scenario @param {Record<string, string>} variables */
const planned = (scenario, variables) => {
  Object.assign(globalThis, { __ENV: variables });
  return planByHand(scenario);
};

test('without variables a scenario runs in full, on nodes that it seeds itself', () => {
  const plan = planned('boot_storm', {});
  assert.deepEqual([plan.profile, plan.identities.nodes, plan.seeding], ['full', 10_000, { batch: 100 }]);
});

test('QUICK is a constant number of VUs for a time', () => {
  const { load, identities } = planned('boot_storm', { QUICK: 'yes', QUICK_VUS: '20', QUICK_DURATION: '20s' });
  assert.deepEqual(load.phases, [{ name: 'sustained', start_s: 0, duration_s: 20, from_vus: 20, to_vus: 20 }]);
  assert.equal(identities.nodes, 1000);
});

test('QUICK is the profile of that name where Chamicore has no such scenario', () => {
  const quick = planned('mixed_boot_path', { CHAMIPERF_PROFILE: 'quick' });
  assert.ok(quick.load.phases.every(({ to_rate: rate }) => rate !== undefined));
  assert.deepEqual(planned('mixed_boot_path', { QUICK: '1', QUICK_VUS: '20' }), quick);
});

test('pace, shares of operations and the kind of token are settable', () => {
  const { load, credential } = planned('inventory_scale', {
    CHAMIPERF_PACE: '500ms',
    CHAMIPERF_SET: 'get=50,list=30',
    CHAMIPERF_CREDENTIAL: 'dev-mode',
  });
  assert.deepEqual([load.pace_s, credential], [0.5, 'dev-mode']);
  assert.deepEqual(load.parameters, { get: 50, list: 30, put: 5, patch: 5, churn: 10 });
  assert.equal(planned('auth_under_load', { CHAMIPERF_SET: 'grant=dev-mode' }).load.parameters.grant, 'dev-mode');
});

for (const [variable, value] of [
  ['CHAMIPERF_SET', 'gets=50'],
  ['CHAMIPERF_SET', 'get=half'],
  ['CHAMIPERF_SET', 'get=50=3'],
  ['CHAMIPERF_SET', 'get=-5'],
  ['CHAMIPERF_SET', 'get=Infinity'],
  ['CHAMIPERF_SET', 'toString=1'],
  ['CHAMIPERF_CREDENTIAL', 'password'],
]) {
  test(`${variable}=${value} is refused by its name`, () =>
    assert.throws(() => planned('inventory_scale', { [variable]: value }), new RegExp(`${variable} .*${value}`)));
}

for (const [variable, value] of [
  ['BOOT_SEED_COUNT', 'abc'],
  ['BOOT_SEED_COUNT', '0'],
  ['BOOT_SEED_BATCH_SIZE', '2.5'],
  ['BOOT_FULL_SPIKE_TARGET_VUS', 'Infinity'],
  ['BOOT_FULL_VUS', '-3'],
  ['BOOT_FULL_DURATION', 'soon'],
  ['BOOT_FULL_DURATION', '1.2.3s'],
  ['BOOT_P99_TARGET_MS', 'fast'],
  ['BOOT_ERROR_RATE_MAX', '-1'],
  ['CHAMIPERF_SEED_NODES', '-1'],
  ['CHAMIPERF_PACE', '5'],
  ['CHAMICORE_TEST_BSS_URL', '127.0.0.1:27778'],
  ['CHAMIPERF_KEA_URL', 'http://'],
]) {
  test(`${variable}=${value} is refused by its name`, () =>
    assert.throws(() => planned('boot_storm', { [variable]: value }), new RegExp(`${variable}.* ${value}`)));
}

test('QUICK_VUS is refused by its name where it is no number', () =>
  assert.throws(() => planned('boot_storm', { QUICK: '1', QUICK_VUS: 'abc' }), /QUICK_VUS is abc/));

test('a URL may end in slashes', () => {
  const { urls } = planned('boot_storm', { CHAMICORE_TEST_BSS_URL: 'https://bss/api//' });
  assert.equal(urls.bss, 'https://bss/api');
});

for (const [missing, variables] of /** @type {[string, Record<string, string>][]} */ ([
  ['CHAMIPERF_TOKEN', { CHAMIPERF_CREDENTIAL: 'bearer' }],
  ['CHAMIPERF_TOKEN', { CHAMIPERF_CREDENTIAL: 'bearer', CHAMIPERF_TOKEN: '' }],
  ['CHAMIPERF_CLIENT_ID', { CHAMIPERF_CREDENTIAL: 'client-credentials' }],
  ['CHAMIPERF_CLIENT_SECRET', { CHAMIPERF_CREDENTIAL: 'client-credentials', CHAMIPERF_CLIENT_ID: 'me' }],
  ['CHAMICORE_INTERNAL_TOKEN', { CHAMICORE_INTERNAL_TOKEN: '' }],
  [
    'CHAMICORE_INTERNAL_TOKEN',
    { CHAMICORE_INTERNAL_TOKEN: '', CHAMIPERF_CREDENTIAL: 'internal-token', CHAMIPERF_SEED_RUN_ID: 'r2026a' },
  ],
])) {
  test(`${missing} is asked for with ${JSON.stringify(variables)}`, () =>
    assert.throws(() => planned('boot_storm', variables), new RegExp(`^Error: ${missing} is (missing|empty)`)));
}

test('an empty internal token that nobody needs is none', () => {
  const { credential } = planned('boot_storm', { CHAMICORE_INTERNAL_TOKEN: '', CHAMIPERF_SEED_RUN_ID: 'r2026a' });
  assert.equal(credential, 'internal-token');
});

test("Chamicore's variables set durations and levels", () => {
  const { load, identities, seeding } = planned('cloud_init_storm', {
    CLOUDINIT_SEED_COUNT: '500',
    CLOUDINIT_SEED_BATCH_SIZE: '50',
    CLOUDINIT_FULL_RAMP_DURATION: '5s',
    CLOUDINIT_FULL_SUSTAIN_DURATION: '1m30s',
    CLOUDINIT_FULL_SPIKE_DURATION: '10s',
    CLOUDINIT_FULL_COOLDOWN_DURATION: '2s',
    CLOUDINIT_FULL_RAMP_TARGET_VUS: '30',
    CLOUDINIT_FULL_SPIKE_TARGET_VUS: '60',
  });
  assert.deepEqual(load.phases, [
    { name: 'ramp-up', start_s: 0, duration_s: 5, from_vus: 0, to_vus: 30 },
    { name: 'sustained', start_s: 5, duration_s: 90, from_vus: 30, to_vus: 30 },
    { name: 'spike', start_s: 95, duration_s: 10, from_vus: 60, to_vus: 60 },
    { name: 'cooldown', start_s: 105, duration_s: 2, from_vus: 60, to_vus: 0 },
  ]);
  assert.deepEqual([identities.nodes, seeding], [500, { batch: 50 }]);
});

test('inventory has its own names for VUs and duration', () => {
  const { load } = planned('inventory_scale', { INVENTORY_FULL_VUS: '7', INVENTORY_FULL_DURATION: '3m' });
  const { duration_s: duration, to_vus: vus } = load.phases[1];
  assert.deepEqual([duration, vus], [180, 7]);
});

test('limits are set only where their variables are', () => {
  assert.deepEqual(planned('boot_storm', {}).limits, { p99_ms: 0, error_rate: 0 });
  const { limits } = planned('boot_storm', { BOOT_P99_TARGET_MS: '250', BOOT_ERROR_RATE_MAX: '0.01' });
  assert.deepEqual(limits, { p99_ms: 250, error_rate: 0.01 });
});

test("another scenario's variables change nothing", () => {
  assert.equal(planned('boot_storm', { CLOUDINIT_SEED_COUNT: '5' }).identities.nodes, 10_000);
});

test('nodes that were seeded before are not seeded again', () => {
  const { seeding, identities } = planned('boot_storm', {
    CHAMIPERF_SEED_RUN_ID: 'r2026a',
    CHAMIPERF_SEED_NODES: '40',
  });
  assert.deepEqual([seeding, identities.run_id, identities.nodes], [null, 'r2026a', 40]);
});

for (const profile of ['demo', 'quick', 'full', 'soak']) {
  for (const scenario of [
    'boot_storm',
    'cloud_init_storm',
    'inventory_scale',
    'bulk_registration',
    'dhcp_sync_burst',
    'auth_under_load',
    'mixed_boot_path',
    'database_stress',
    'seed',
    'unseed',
  ]) {
    test(`profile ${profile} has a load for ${scenario}`, () => {
      const { load } = planned(scenario, { CHAMIPERF_PROFILE: profile });
      assert.ok(load.phases.every(({ duration_s: duration }) => duration > 0));
    });
  }
}

test('durations are read as k6 reads them', () => {
  assert.deepEqual(['2m', '90s', '1m30s', '500ms', '1h'].map(seconds), [120, 90, 90, 0.5, 3600]);
});

test('what is no duration is refused', () => assert.throws(() => seconds('2 minutes'), /is not a duration/));
