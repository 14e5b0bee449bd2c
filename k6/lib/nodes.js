// The nodes of this run: those that were seeded, and those that the scenario itself writes.
import { routeOf } from './api.js';
import { namesOf } from './identity.js';
import { endpoint } from './request.js';
import { plan } from './scenario.js';

/** How many nodes were seeded: their indexes are 0 to this - 1; what the scenario writes starts here. */
export const nodeCount = () => plan.identities.nodes;

/** Names of the seeded nodes. */
export const seeded = () => namesOf(plan.identities.run_id, plan.identities.network);

/** Names of the nodes that the scenario itself writes. */
export const written = () => namesOf(plan.identities.written_run_id, plan.identities.network);

/**
 * An endpoint of api.json, about seeded nodes unless it says otherwise.
 * @param {string} name key of `routes`
 * @param {Partial<Parameters<typeof endpoint>[0]>} [more]
 */
export const route = (name, more = {}) => endpoint({ name, names: seeded(), ...routeOf(name), ...more });
