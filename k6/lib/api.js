// The dialect of the services: routes, payload shapes and grants, from api.json.
import { SharedArray } from 'k6/data';

/**
 * @typedef {object} Route
 * @property {string} service
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path
 * @property {boolean} [open] no credential is needed
 * @property {string[]} [contains] what a good answer contains
 */

/**
 * @typedef {object} Shape a kind of object
 * @property {string} kind its name in counts
 * @property {string} service
 * @property {string} path of the collection
 * @property {string} [key] the object's id where it is ours; absent: the server makes it
 * @property {string} [get] query of the collection that reads it, newest first, where there is no GET of one object
 * @property {string} [find] query that lists a node's objects
 * @property {Record<string, unknown>} body of POST, and of PUT
 * @property {string[]} [patch] keys of the body that a PATCH carries to make an existing object ours
 * @property {string[]} mark what an answer with the object contains
 * @property {unknown} [change] body of PATCH that changes it visibly
 * @property {string[]} [changed] what an answer with the changed object contains
 */

/** @type {unknown[]} names, then what they name, in the same order; parsed when asked for, because a parsed copy of all of
 * it in each of twenty thousand VUs would be a gigabyte */
const entries = new SharedArray('api', () => {
  const { routes, objects, grants, seed_order: order, kea } = JSON.parse(open(import.meta.resolve('../api.json')));
  const named = Object.entries({ routes, objects, grants }).flatMap(([section, all]) =>
    Object.entries(all).map(([name, entry]) => [`${section}.${name}`, entry]),
  );
  named.push(['seed_order', order], ['kea', kea]);
  return [named.map(([name]) => name), ...named.map(([, entry]) => entry)];
});

/** @type {(name: string) => any} */
const entry = (name) => {
  const names = /** @type {string[]} */ (entries[0]);
  for (let i = 0; i < names.length; i += 1) if (names[i] === name) return entries[i + 1];
  throw new Error(`api.json has no ${name}`);
};

/** @type {(name: string) => Route} */
export const routeOf = (name) => entry(`routes.${name}`);

/** @type {(name: string) => Shape} */
export const shapeOf = (name) => entry(`objects.${name}`);

/** @type {(name: string) => Record<string, string>} the body of a token request */
export const grantOf = (name) => entry(`grants.${name}`);

/** @type {() => string[]} names of the kinds of object that a seeded node has, in the order in which they are created */
export const seedOrder = () => entry('seed_order');

/** @type {() => {path: string, body: unknown, contains: string[]}} */
export const keaRequest = () => entry('kea');
