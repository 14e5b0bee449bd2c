// Builds built/<scenario>.js: what a VU needs of a scenario and the library, in one file.
//
// Each module costs every VU some 8 kB, and a scenario has a dozen. VU number 0 (options, setup, teardown, summary) loads
// the sources instead: what only it needs is in no other VU, and what those modules share exists once.
import { readFileSync } from 'node:fs';
import { minify } from 'terser';

const { scenarios } = JSON.parse(readFileSync('profiles/full.json', 'utf8'));
const folder = process.env.BUILT ?? 'built';

const EACH_TIME = /\b(begin|pace|sleepUntilDue|call|send|judge)\(/g;

/**
 * The entries of api.json as constants of the program, which all VUs share; a SharedArray costs each of them 8 kB.
 * @param {string} code
 */
const withDialect = (code) => {
  const { routes, objects, grants, seed_order: order, kea } = JSON.parse(readFileSync('api.json', 'utf8'));
  const all = { seed_order: order, kea };
  for (const [section, entries] of Object.entries({ routes, objects, grants }))
    for (const [name, entry] of Object.entries(entries)) all[`${section}.${name}`] = entry;
  const cases = Object.entries(all).map(([name, entry]) => {
    const text = JSON.stringify(JSON.stringify(entry));
    return `case '${name}': return JSON.parse(${text});`;
  });
  const constant = `const entry = (name) => { switch (name) { ${cases.join('\n')} }
throw new Error('api.json has no ' + name); };\n`;
  const [before, after] = [code.indexOf('/** @type {unknown[]}'), code.indexOf('/** @type {(name: string) => Route}')];
  if (before < 0 || after < before) throw new Error('lib/api.js reads api.json in another way than this build knows');
  return constant + code.slice(after);
};

/** @type {import('rollup').Plugin} */
const forVus = {
  name: 'for-vus',
  transform(code, id) {
    if (id.endsWith('/api.js')) code = withDialect(code);
    const text = '__VU > 0';
    if (id.endsWith('/scenario.js') && !code.includes(text)) this.error(`${id} no longer says ${text}`);
    // Written into its only caller, a function is made anew at each call: not what every request or iteration goes through.
    return code.replaceAll(text, 'true').replaceAll(EACH_TIME, '/*@__NOINLINE__*/ $&');
  },
  // Every function that is written into its only caller is one fewer in every VU.
  renderChunk: async (code) => {
    const compress = { ecma: 2020, passes: 3, unsafe_arrows: true };
    const { code: smaller = '' } = await minify(code, { compress, mangle: false, format: { beautify: true } });
    return { code: smaller };
  },
};

export default Object.keys(scenarios)
  .filter((name) => !name.endsWith('seed'))
  .map((name) => ({
    input: `${name}.js`,
    external: /^k6/,
    plugins: [forVus],
    output: {
      file: `${folder}/${name}.js`,
      format: 'cjs',
      banner: `if (__VU === 0) module.exports = require('../${name}.js'); else (() => {`,
      footer: '})();',
    },
  }));
