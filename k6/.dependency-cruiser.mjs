// What `npm run circles` checks: no circle of imports in the scripts and their library, JSDoc's type imports included.
/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^k6($|/)' } },
  ],
  options: {
    detectJSDocImports: true,
    parser: 'tsc',
    moduleSystems: ['es6', 'cjs'],
    doNotFollow: { path: 'node_modules' },
  },
};
