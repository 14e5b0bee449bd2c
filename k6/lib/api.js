// The dialect of the services: routes, payload shapes, names and grants, from the file of dialects/ that the plan names.
import { SharedArray } from 'k6/data';
import { plan } from './plan.js';

/**
 * @typedef {object} Route
 * @property {string} service
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path
 * @property {boolean} [open] no credential is needed
 * @property {string[]} [contains] what a good answer contains
 * @property {Record<string, string>} [headers] templates by name, for what a service knows of a node by a header alone
 * @property {string} [items] of a bulk route: the field that holds the objects; absent: the body is the list itself
 */

/** @typedef {'create' | 'find' | 'get' | 'change' | 'patch' | 'put' | 'delete'} Verb what is done with an object */

/**
 * @typedef {object} Request how one verb differs from the usual request; `{key}` is the object's key
 * @property {Route['method']} [method]
 * @property {string} [path]
 * @property {unknown} [body]
 * @property {string[]} [contains]
 */

/**
 * @typedef {object} Shape a kind of object
 * @property {string} kind its name in counts
 * @property {string} service
 * @property {string} path of the collection
 * @property {string} [key] the object's id where it is ours; absent: the server makes it
 * @property {string} [one] path of one object by its `{key}`; absent: the collection's with the key behind it
 * @property {string} [get] query of the collection that reads it, newest first, where there is no GET of one object
 * @property {string} [find] query that lists a node's objects
 * @property {Record<string, unknown>} body of POST, and of PUT
 * @property {string[]} [patch] keys of the body that a PATCH carries to make an existing object ours
 * @property {string[]} mark what an answer with the object contains
 * @property {unknown} [change] body of PATCH that changes it visibly
 * @property {string[]} [changed] what an answer with the changed object contains
 * @property {Record<string, Request>} [requests] by verb
 * @property {string} [items] the field of a list that holds the objects; empty: the answer is the list itself
 * @property {string} [id] path of an object's key in it
 * @property {number[]} [conflict] statuses that say that such an object is there already; absent: 409
 * @property {number[]} [gone] statuses of a DELETE that say that there was none; absent: 404
 * @property {'find and patch' | 'put'} [settle] how an object that is in the way is made ours
 * @property {boolean} [implied] of a seeded node: the creation of another object makes it
 * @property {boolean} [removable]
 */

/** @type {unknown[]} names, then what they name, in the same order; parsed when asked for, because a parsed copy of all of
 * it in each of twenty thousand VUs would be a gigabyte. Made when first asked for: which file it is, the plan says. */
let entries;

/** @type {() => unknown[]} */
const read = () =>
  new SharedArray('api', () => {
    const file = import.meta.resolve(`../dialects/${plan.dialect ?? 'chamicore'}.json`);
    const { routes, objects, grants, ...rest } = JSON.parse(open(file));
    const named = Object.entries({ routes, objects, grants }).flatMap(([section, all]) =>
      Object.entries(all).map(([name, entry]) => [`${section}.${name}`, entry]),
    );
    named.push(
      ...['seed_order', 'kea', 'stress', 'id', 'bmc', 'ip_from', 'envelope', 'scenarios'].map((name) => [
        name,
        entryOf(name, rest),
      ]),
    );
    return [named.map(([name]) => name), ...named.map(([, entry]) => entry)];
  });

/** @type {(name: string, rest: any) => unknown} what is no route, object or grant; null where the dialect has none */
const entryOf = (name, rest) => (['id', 'bmc', 'ip_from'].includes(name) ? rest.identity[name] : rest[name]) ?? null;

/** @type {(name: string) => any} */
const entry = (name) => {
  entries ??= read();
  const names = /** @type {string[]} */ (entries[0]);
  for (let i = 0; i < names.length; i += 1) if (names[i] === name) return entries[i + 1];
  throw new Error(`the dialect ${plan.dialect ?? 'chamicore'} has no ${name}`);
};

/** @type {(name: string) => Route} */
export const routeOf = (name) => entry(`routes.${name}`);

/** @type {(name: string) => boolean} */
export const hasRoute = (name) => {
  try {
    return routeOf(name) !== undefined;
  } catch {
    return false;
  }
};

/** @type {(name: string) => Shape} */
export const shapeOf = (name) => entry(`objects.${name}`);

/** @type {(name: string) => Record<string, string>} the body of a token request */
export const grantOf = (name) => entry(`grants.${name}`);

/** @type {() => string[]} names of the kinds of object that a seeded node has, in the order in which they are created */
export const seedOrder = () => entry('seed_order');

/** @type {() => {path: string, body: unknown, contains: string[]}} */
export const keaRequest = () => entry('kea');

/** @type {() => {schema: string, object: string, verbs: Verb[]}[]} what database_stress writes */
export const stressed = () => entry('stress');

/** @type {(name: string) => object} what the dialect's entry of a scenario has instead of scenarios.json's */
export const scenarioOf = (name) => entry('scenarios')?.[name] ?? {};

/** @type {() => {id: string, bmc: string | null, ip_from: string | null}} templates of a node's names */
export const identityOf = () => ({ id: entry('id'), bmc: entry('bmc'), ip_from: entry('ip_from') });

/** @type {() => boolean} whether objects have ETags, without which a PUT is refused */
export const hasEtags = () => entry('envelope') === 'chamicore';
