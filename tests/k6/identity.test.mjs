import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { fold, MAX_INDEX, namesOf, template } from '../../k6/lib/identity.js';

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

const names = namesOf('r2026a', '198.18.0.0/15');
/** @param {string} text @param {string} [key] */
const filled = (text, key) => template(text, names)(7, key);

test('text without placeholders stays as it is', () => assert.equal(filled('/auth/v1/token'), '/auth/v1/token'));

test('one placeholder is replaced', () => assert.equal(filled('/nodes/{id}/x'), '/nodes/chamiperf-r2026a-7/x'));

test('two placeholders are replaced', () => {
  assert.equal(filled('{id} has {ip}'), 'chamiperf-r2026a-7 has 198.18.0.8');
});

test('the same placeholder three times is replaced three times', () => {
  assert.equal(filled('a{id}b{id}c{id}d'), 'achamiperf-r2026a-7bchamiperf-r2026a-7cchamiperf-r2026a-7d');
});

test('the key of an object comes from the call', () => assert.equal(filled('/payloads/{key}', 'k-1'), '/payloads/k-1'));

test('an offset is the index itself', () => assert.equal(filled('?offset={offset}'), '?offset=7'));

test('braces around anything else are text', () => {
  assert.equal(filled('{"id":"{id}","tags":{}}{'), '{"id":"chamiperf-r2026a-7","tags":{}}{');
});
