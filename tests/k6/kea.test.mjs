import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reservationsIn } from '../../k6/lib/kea.js';

const entry = { 'hw-address': '02:AB:00:00:00:01', 'ip-address': '198.18.0.1', hostname: 'n-1' };
const expected = new Map([['02:ab:00:00:00:01', '198.18.0.1']]);

test("the shim's reservations are read, MACs in lower case", () => {
  assert.deepEqual(reservationsIn([{ result: 0, arguments: { reservations: [entry] } }]), expected);
});

test("stock Kea's hosts are read", () => {
  assert.deepEqual(reservationsIn([{ result: 0, arguments: { hosts: [entry] } }]), expected);
});

test('an answer that is not in a list is read', () => {
  assert.deepEqual(reservationsIn({ result: 0, arguments: { hosts: [entry] } }), expected);
});

test('a reservation by another identifier than a MAC is passed over', () => {
  const byClientId = { 'client-id': '01:11:22', 'ip-address': '198.18.0.9' };
  assert.deepEqual(reservationsIn([{ result: 0, arguments: { hosts: [byClientId, entry] } }]), expected);
});

test('result 3 means that there are none', () => {
  assert.deepEqual(reservationsIn([{ result: 3, text: '0 hosts found' }]), new Map());
});

test('any other result is no answer', () => assert.equal(reservationsIn([{ result: 1, text: 'unable' }]), null));
