import assert from 'node:assert/strict';
import { test } from 'node:test';

import http from 'k6/http';
import exec from 'k6/execution';
import { setPlan } from '../../k6/lib/plan.js';

/** @type {any[]} what k6 was asked, and what it answers next */
const asked = [];
/** @type {any[]} */
const answers = [];
Object.assign(http, {
  get: (/** @type {string} */ url, /** @type {any} */ params) => {
    asked.push({ url, params });
    return answers.shift();
  },
});
const { asking, endpoint } = await import('../../k6/lib/request.js');
const { enter } = await import('../../k6/lib/pace.js');

/** @param {{alone?: boolean}} [more] */
const askForScript = (more) => {
  setPlan(/** @type {any} */ ({ urls: { bss: 'http://bss' }, load: { phases: [] } }));
  const names = /** @type {any} */ ({ id: 'n{offset}', bmc: '' });
  const to = { name: 'bootscript', service: 'bss', path: '/{id}', names, open: true, contains: ['<{id}>'] };
  return asking(endpoint({ ...to, method: 'GET' }), more);
};

test('an answer is good when it holds the node’s text, whatever stands around it', () => {
  const ask = askForScript();
  const good = ['a<n0>b', 'a<n1>b', 'other <n2> around', '<n3>'];
  for (const [index, body] of good.entries()) {
    answers.push({ status: 200, body });
    assert.equal(ask(index)?.body, body);
  }
  const bad = [
    [200, 'a<n5>b'],
    [200, 'ab'],
    [200, ''],
    [200, null],
    [200, 'a<n4>b'.slice(0, -3)],
    [404, 'a<n4>b'],
    [204, 'a<n4>b'],
    [0, null],
  ];
  for (const [status, body] of bad) {
    answers.push({ status, body });
    assert.equal(ask(4), null, `${status} ${body}`);
  }
  answers.push({ status: 200, body: 'a<n4>b' });
  assert.ok(ask(4));
});

test('an answer that is wrong at first is not what later ones are held against', () => {
  const ask = askForScript();
  answers.push({ status: 200, body: 'undefined' }, { status: 200, body: '<n1>undefined' }, { status: 200, body: '<n2' });
  assert.deepEqual([ask(0), ask(1)?.body, ask(2)], [null, '<n1>undefined', null]);
});

test('where VUs ask for nothing else, the name is their tag in each window, and not one of each request', () => {
  const tags = {};
  Object.assign(exec, { vu: { metrics: { tags } } });
  answers.push({ status: 200, body: '<n0>' }, { status: 200, body: '<n0>' });
  asked.length = 0;
  askForScript({ alone: true })(0);
  enter('sustained', '3');
  assert.deepEqual(tags, { name: 'bootscript', phase: 'sustained', window: '3' });
  askForScript()(0);
  assert.deepEqual(
    asked.map(({ params }) => params),
    [{ timeout: 30_000 }, { timeout: 30_000, tags: { name: 'bootscript' } }],
  );
});
