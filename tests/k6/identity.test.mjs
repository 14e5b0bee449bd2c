import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { fold, MAX_INDEX, namesOf, template } from '../../k6/lib/identity.js';

const DIALECTS = new URL('../../k6/dialects/', import.meta.url);
/** @type {(name: string) => any} */
const identityOf = (name) => JSON.parse(readFileSync(new URL(name, DIALECTS), 'utf8')).identity;
const identity = identityOf('chamicore.json');

for (const file of readdirSync(DIALECTS)) {
  const rules = identityOf(file);
  test(`${file} has vectors`, () => assert.ok(rules.vectors.length > 3));
  for (const vector of rules.vectors) {
    test(`${file}: run ${vector.run} names node ${vector.index} in ${vector.network} as it says`, () => {
      const { id, mac, ip, bmc = '' } = vector;
      const filled = template('{id} {mac} {ip} {bmc}', namesOf(vector.run, vector.network, rules));
      assert.equal(filled(vector.index), `${id} ${mac} ${ip} ${bmc}`);
    });
  }
  test(`${file}: the highest index is the one that it states`, () => assert.equal(MAX_INDEX, rules.max_index));
}

const names = namesOf('r2026a', '198.18.0.0/15', identity);
/** @param {string} text @param {string} [key] */
const filled = (text, key) => template(text, names)(7, key);

test('an encoded MAC is the MAC with its colons escaped', () => {
  const [mac, encoded] = template('{mac} {mac_encoded}', names)(0xabcde).split(' ');
  assert.equal(encoded, encodeURIComponent(mac));
});

test('no two nodes of a run share a MAC', () => {
  const macs = new Set(Array.from({ length: 50_000 }, (_, i) => template('{mac}', names)(i)));
  assert.equal(macs.size, 50_000);
});

test('addresses leave out the network and its broadcast, and start again at the end', () => {
  const ip = template('{ip}', namesOf('r2026a', '192.0.2.0/30', identity));
  assert.deepEqual([ip(0), ip(1), ip(2)], ['192.0.2.1', '192.0.2.2', '192.0.2.1']);
});

test('run ids that differ in their last letter have different hashes', () => {
  const hashes = new Set([...'abcdefghijklmnopqrstuvwxyz0123456789'].map((letter) => fold(`nightly${letter}`)));
  assert.equal(hashes.size, 36);
});

test('text without placeholders stays as it is', () => assert.equal(filled('/auth/v1/token'), '/auth/v1/token'));

test('one placeholder is replaced', () => assert.equal(filled('/nodes/{id}/x'), '/nodes/chamiperf-r2026a-7/x'));

test('two placeholders are replaced', () => {
  assert.equal(filled('{id} has {ip}'), 'chamiperf-r2026a-7 has 198.18.0.8');
});

test('the same placeholder three times is replaced three times', () => {
  assert.equal(filled('a{id}b{id}c{id}d'), 'achamiperf-r2026a-7bchamiperf-r2026a-7cchamiperf-r2026a-7d');
});

test('a MAC without colons is the MAC', () => assert.equal(filled('{mac_plain}'), filled('{mac}').replaceAll(':', '')));

for (const text of ['', '{id}', '{mac}', '{ip}', '{key}', 'a{id}b{id}c{id}d', '{mac} {ip} {mac}', '{"id":"{id}"']) {
  test(`what stands around "${text}" stays as it is, braces as well`, () => {
    assert.equal(template(text, names, '{id} ', ' {mac}')(7, 'k-1'), `{id} ${filled(text, 'k-1')} {mac}`);
  });
}

test('the key of an object comes from the call', () => assert.equal(filled('/payloads/{key}', 'k-1'), '/payloads/k-1'));

test('an offset is the index itself', () => assert.equal(filled('?offset={offset}'), '?offset=7'));

test('braces around anything else are text', () => {
  assert.equal(filled('{"id":"{id}","tags":{}}{'), '{"id":"chamiperf-r2026a-7","tags":{}}{');
});
