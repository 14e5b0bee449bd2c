// Takes the operations that the tests need out of GitHub's OpenAPI description, with every schema they refer to.
// Run by hand after a change of OPERATIONS: `npm ci && npm run extract`. The tests read only the result.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { version } = require('@octokit/openapi/package.json');
const description = JSON.parse(readFileSync(require.resolve('@octokit/openapi/generated/api.github.com.json')));

const REPOSITORY = '/repos/{owner}/{repo}';
const OPERATIONS = {
  '/user': ['get'],
  [REPOSITORY]: ['get'],
  [`${REPOSITORY}/actions/artifacts/{artifact_id}/{archive_format}`]: ['get'],
  [`${REPOSITORY}/actions/runs/{run_id}`]: ['get'],
  [`${REPOSITORY}/actions/runs/{run_id}/artifacts`]: ['get'],
  [`${REPOSITORY}/actions/workflows/{workflow_id}`]: ['get'],
  [`${REPOSITORY}/actions/workflows/{workflow_id}/runs`]: ['get'],
  [`${REPOSITORY}/contents/{path}`]: ['get'],
  [`${REPOSITORY}/git/blobs/{file_sha}`]: ['get'],
  [`${REPOSITORY}/git/commits`]: ['post'],
  [`${REPOSITORY}/git/commits/{commit_sha}`]: ['get'],
  [`${REPOSITORY}/git/ref/{ref}`]: ['get'],
  [`${REPOSITORY}/git/refs`]: ['post'],
  [`${REPOSITORY}/git/refs/{ref}`]: ['patch'],
  [`${REPOSITORY}/git/trees`]: ['post'],
  [`${REPOSITORY}/issues`]: ['get', 'post'],
  [`${REPOSITORY}/issues/{issue_number}`]: ['patch'],
  [`${REPOSITORY}/issues/{issue_number}/comments`]: ['get', 'post'],
  [`${REPOSITORY}/issues/comments/{comment_id}`]: ['delete', 'patch'],
  [`${REPOSITORY}/pulls`]: ['get', 'post'],
  [`${REPOSITORY}/pulls/{pull_number}`]: ['get', 'patch'],
};
// What a validator does not look at, and what only makes the file longer.
const PROSE = new Set(['description', 'summary', 'title', 'example', 'examples', 'externalDocs', 'x-github', 'tags',
  'operationId', 'links', 'x-multi-segment', 'discriminator', 'format', 'deprecated', 'default']);

// A property may be called `title`: inside `properties` the keys are names, not keywords.
function stripped(node, keysAreNames = false) {
  if (Array.isArray(node)) return node.map((item) => stripped(item));
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(Object.entries(node)
    .filter(([key]) => keysAreNames || !PROSE.has(key))
    .map(([key, value]) => [key, stripped(value, !keysAreNames && key === 'properties')]));
}

function references(node, found) {
  if (Array.isArray(node)) node.forEach((item) => references(item, found));
  else if (node && typeof node === 'object') {
    if (typeof node.$ref === 'string') found.add(node.$ref);
    Object.values(node).forEach((value) => references(value, found));
  }
}

const paths = Object.fromEntries(Object.entries(OPERATIONS).map(([path, verbs]) => [
  path,
  Object.fromEntries(verbs.map((verb) => {
    const { parameters = [], requestBody, responses } = stripped(description.paths[path][verb]);
    return [verb, { parameters, ...(requestBody && { requestBody }), responses }];
  })),
]));

const components = {};
const seen = new Set();
let pending = new Set();
references(paths, pending);
while (pending.size > 0) {
  const next = new Set();
  for (const reference of pending) {
    if (seen.has(reference)) continue;
    seen.add(reference);
    const [kind, name] = reference.split('/').slice(-2);
    components[kind] ??= {};
    components[kind][name] = stripped(description.components[kind][name]);
    references(components[kind][name], next);
  }
  pending = next;
}

// One line for each path and component: a diff then shows which of them changed.
const lines = (entries) => Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n');
const kinds = Object.keys(components).sort().map((kind) => `"${kind}": {\n${lines(components[kind])}\n}`).join(',\n');
const head = { openapi: description.openapi, info: { title: 'The part of GitHub\'s REST API that the tests need', version } };
writeFileSync(new URL('openapi.json', import.meta.url),
  `${JSON.stringify(head).slice(0, -1)},\n"paths": {\n${lines(paths)}\n},\n"components": {\n${kinds}\n}}\n`);
