// How a node's id, MAC and address follow from a run id and an index. Knows nothing of k6.
// The formula is stated in api.json under `identity`; its vectors are tested here and in Python.

/** The highest index that fits into a MAC. */
export const MAX_INDEX = 0xfffff;

/**
 * FNV-1a over a run id, folded to 20 bits.
 * @param {string} runId ASCII
 * @returns {number} 0 to 0xfffff
 */
export function fold(runId) {
  let hash = 2166136261;
  for (let i = 0; i < runId.length; i += 1) hash = Math.imul(hash ^ runId.charCodeAt(i), 16777619) >>> 0;
  return (hash ^ (hash >>> 20)) & MAX_INDEX;
}

/** @param {number} value @returns {string} the five hex digits of a 20-bit number */
const fiveDigits = (value) => (value | 0x100000).toString(16).slice(1);

/**
 * The first address of a network and how many nodes it holds before addresses repeat.
 * @param {string} cidr such as `198.18.0.0/15`
 */
function addresses(cidr) {
  const [base, bits] = cidr.split('/');
  const first = base.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return { first: first + 1, usable: 2 ** (32 - Number(bits)) - 2 };
}

/**
 * The names of one run's nodes, as functions of a node's index.
 * @typedef {object} Names
 * @property {(index: number) => string} id
 * @property {(index: number) => string} mac lower case, with colons
 * @property {(index: number) => string} mac_encoded the MAC as a query parameter
 * @property {(index: number) => string} ip dotted decimal; repeats when the network is too small
 */

/**
 * @param {string} runId
 * @param {string} network CIDR
 * @returns {Names}
 */
export function namesOf(runId, network) {
  const { first, usable } = addresses(network);
  const hash = fiveDigits(fold(runId));
  /** @param {string} colon @returns {(index: number) => string} */
  const macWith = (colon) => {
    const head = `02${colon}${hash.slice(0, 2)}${colon}${hash.slice(2, 4)}${colon}${hash[4]}`;
    return (index) => {
      const hex = fiveDigits(index);
      return `${head}${hex[0]}${colon}${hex.slice(1, 3)}${colon}${hex.slice(3)}`;
    };
  };
  const prefix = `chamiperf-${runId}-`;
  return {
    id: (index) => prefix + index,
    mac: macWith(':'),
    mac_encoded: macWith('%3A'),
    ip: (index) => {
      const address = first + (index % usable);
      return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
    },
  };
}
