// Lets node import the library: k6's modules, which only k6 has, become ones that do nothing.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

const STUB = `
export const sleep = (seconds) => globalThis.slept?.(seconds);
export class Counter { add() {} }
export class Trend extends Counter {}
export class SharedArray extends Array {
  constructor(name, make) {
    super(...make());
  }
}
import { createHash } from 'node:crypto';
export default {
  setResponseCallback() {},
  expectedStatuses() {},
  test: { options: {} },
  sha256: (text, encoding) => createHash('sha256').update(text).digest(encoding),
};
`;

const HOOKS = `
export const resolve = (name, context, next) =>
  /^k6($|\\/)/.test(name) ? { url: \`k6:\${name}\`, shortCircuit: true } : next(name, context);
export const load = (url, context, next) =>
  url.startsWith('k6:') ? { format: 'module', shortCircuit: true, source: ${JSON.stringify(STUB)} } : next(url, context);
`;

Object.assign(globalThis, {
  __ENV: {},
  __VU: 0,
  open: (/** @type {string} */ path) => readFileSync(path.startsWith('file:') ? fileURLToPath(path) : path, 'utf8'),
});
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
