// How a node's id, MAC and address follow from a run id and an index. Knows nothing of k6.
// The formula is stated in api.json under `identity`; its vectors are tested here and in Python.

/** The highest index that fits into a MAC. */
export const MAX_INDEX = 0xfffff;

/**
 * FNV-1a over a run id, folded to 20 bits.
 * @param {string} runId ASCII
 * @returns {number} 0 to 0xfffff
 */
export const fold = (runId) => {
  let hash = 2166136261;
  for (let i = 0; i < runId.length; i += 1) hash = Math.imul(hash ^ runId.charCodeAt(i), 16777619) >>> 0;
  return (hash ^ (hash >>> 20)) & MAX_INDEX;
};

/** @type {(value: number) => string} the five hex digits of a 20-bit number */
const fiveDigits = (value) => (value | 0x100000).toString(16).slice(1);

/**
 * The names of one run's nodes, as functions of a node's index.
 * @typedef {object} Names
 * @property {(index: number) => string} id
 * @property {(index: number) => string} mac lower case, with colons
 * @property {(index: number) => string} mac_encoded the MAC as a query parameter
 * @property {(index: number) => string} ip dotted decimal; repeats when the network is too small
 */

/** Looking digits up costs a fifth of cutting a formatted number; every request pays it. */
const HEX = '0123456789abcdef';

/** @type {(hash: string, colon: string) => (index: number) => string} */
const macsOf = (hash, colon) => {
  const head = `02${colon}${hash.slice(0, 2)}${colon}${hash.slice(2, 4)}${colon}${hash[4]}`;
  return (i) =>
    `${head}${HEX[i >>> 16]}${colon}${HEX[(i >>> 12) & 15]}${HEX[(i >>> 8) & 15]}${colon}${HEX[(i >>> 4) & 15]}${HEX[i & 15]}`;
};

/** @type {(network: string) => (index: number) => string} */
const addressesOf = (network) => {
  let first = 0;
  let usable = 0;
  return (index) => {
    if (usable === 0) {
      const [base, bits] = network.split('/');
      first = base.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0) + 1;
      usable = 2 ** (32 - Number(bits)) - 2;
    }
    const address = first + (index % usable);
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  };
};

/**
 * @param {string} runId
 * @param {string} network CIDR
 * @returns {Names}
 */
export const namesOf = (runId, network) => {
  const hash = fiveDigits(fold(runId));
  const prefix = `chamiperf-${runId}-`;
  return {
    id: (index) => prefix + index,
    mac: macsOf(hash, ':'),
    mac_encoded: macsOf(hash, '%3A'),
    ip: addressesOf(network),
  };
};
