// The dialect of the services: routes, payload shapes and grants, from api.json.

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

/**
 * @typedef {object} Api
 * @property {Record<string, Shape>} objects
 * @property {string[]} seed_order
 * @property {Record<string, Route>} routes
 * @property {Record<string, Record<string, string>>} grants
 * @property {{path: string, body: unknown}} kea
 */

/** @type {Api} */
export const api = JSON.parse(open(import.meta.resolve('../api.json')));
