// Builds built/<scenario>.js: what a VU needs of a scenario and the library, in one file.
//
// Each module costs every VU some 8 kB, and a scenario has a dozen. VU number 0 (options, setup, teardown, summary) loads
// the sources instead: what only it needs is in no other VU, and what those modules share exists once.
import { readFileSync } from 'node:fs';
import { minify } from 'terser';

const { scenarios } = JSON.parse(readFileSync('profiles/full.json', 'utf8'));
const folder = process.env.BUILT ?? 'built';

const EACH_TIME = /\b(begin|pace|sleepUntilDue|call|send|judge)\(/g;

/** @type {import('rollup').Plugin} */
const forVus = {
  name: 'for-vus',
  transform(code, id) {
    const text = '__VU > 0';
    if (id.endsWith('/scenario.js') && !code.includes(text)) this.error(`${id} no longer says ${text}`);
    // Written into its only caller, a function is made anew at each call: not what every request or iteration goes through.
    return code.replaceAll(text, 'true').replaceAll(EACH_TIME, '/*@__NOINLINE__*/ $&');
  },
  // Only VU number 0 reads api.json.
  resolveImportMeta: () => 'String',
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
