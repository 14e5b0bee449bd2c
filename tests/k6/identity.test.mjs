import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { fold, MAX_INDEX, namesOf } from '../../k6/lib/identity.js';

const { identity } = JSON.parse(readFileSync(new URL('../../k6/api.json', import.meta.url), 'utf8'));

for (const vector of identity.vectors) {
  test(`run ${vector.run} names node ${vector.index} in ${vector.network} as api.json says`, () => {
    const names = namesOf(vector.run, vector.network);
    const { id, mac, ip } = vector;
    assert.deepEqual(
      { id: names.id(vector.index), mac: names.mac(vector.index), ip: names.ip(vector.index) },
      { id, mac, ip },
    );
  });
}

test('the highest index is the one that api.json states', () => {
  assert.equal(MAX_INDEX, identity.max_index);
});

test('an encoded MAC is the MAC with its colons escaped', () => {
  const { mac, mac_encoded: encoded } = namesOf('r2026a', '198.18.0.0/15');
  assert.equal(encoded(0xabcde), encodeURIComponent(mac(0xabcde)));
});

test('no two nodes of a run share a MAC', () => {
  const { mac } = namesOf('r2026a', '198.18.0.0/15');
  const macs = new Set(Array.from({ length: 50_000 }, (_, i) => mac(i)));
  assert.equal(macs.size, 50_000);
});

test('addresses leave out the network and its broadcast, and start again at the end', () => {
  const { ip } = namesOf('r2026a', '192.0.2.0/30');
  assert.deepEqual([0, 1, 2].map(ip), ['192.0.2.1', '192.0.2.2', '192.0.2.1']);
});

test('run ids that differ in their last letter have different hashes', () => {
  const hashes = new Set([...'abcdefghijklmnopqrstuvwxyz0123456789'].map((letter) => fold(`nightly${letter}`)));
  assert.equal(hashes.size, 36);
});
