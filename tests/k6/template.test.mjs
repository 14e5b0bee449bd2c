import assert from 'node:assert/strict';
import { test } from 'node:test';

import { namesOf } from '../../k6/lib/identity.js';
import { template } from '../../k6/lib/template.js';

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
