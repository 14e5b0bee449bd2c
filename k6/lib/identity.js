// How a node's id, MAC and address follow from a run id and an index, and texts with placeholders for them.
// Knows nothing of k6.
// The formula is stated in the dialects under `identity`; their vectors are tested here and in Python.

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
 * @property {(index: number) => string} mac_plain the MAC without colons
 * @property {(index: number) => string} bmc the name of the node's controller; empty where the dialect has none
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

/** @type {(network: string, shift: number) => (index: number) => string} */
const addressesOf = (network, shift) => {
  let first = 0;
  let usable = 0;
  return (index) => {
    if (usable === 0) {
      const [base, bits] = network.split('/');
      first = base.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0) + 1;
      usable = 2 ** (32 - Number(bits)) - 2;
    }
    const address = first + ((shift + index) % usable);
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  };
};

/** @type {(runId: string) => string} a run id as the decimal number that it is in base 36: more than a double can hold */
const decimal = (runId) => {
  let value = BigInt(0);
  for (let i = 0; i < runId.length; i += 1) value = value * BigInt(36) + BigInt(parseInt(runId[i], 36));
  return String(value);
};

/** @type {(form: string, runId: string) => (index: number) => string} */
const namedBy = (form, runId) => {
  const [before, after = ''] = form.split('{index}');
  const named = before.replace('{run}', runId);
  const prefix = named.includes('{run36}') ? named.replace('{run36}', decimal(runId)) : named;
  return after === '' ? (index) => prefix + index : (index) => prefix + index + after;
};

/**
 * @param {string} runId
 * @param {string} network CIDR
 * @param {{id: string, bmc?: string | null, ip_from?: string | null}} forms templates with `{run}` or `{run36}`, and
 *   `{index}`; and whether addresses begin at one of the run's own
 * @returns {Names}
 */
export const namesOf = (runId, network, forms) => {
  const hash = fiveDigits(fold(runId));
  return {
    id: namedBy(forms.id, runId),
    bmc: namedBy(forms.bmc ?? '', runId),
    mac: macsOf(hash, ':'),
    mac_encoded: macsOf(hash, '%3A'),
    mac_plain: macsOf(hash, ''),
    ip: addressesOf(network, forms.ip_from === 'run' ? fold(runId) : 0),
  };
};

/** Text with placeholders is cut once when a script starts, so that a request costs only joins.
 * @typedef {(index: number, key?: string) => string} Filled the text for a node; `key` is the server's id of an object */

/**
 * @param {string} text with `{id}`, `{bmc}`, `{mac}`, `{mac_encoded}`, `{mac_plain}`, `{ip}`, `{key}` or `{offset}` (the
 *   index as a number)
 * @param {Names} names
 * @returns {Filled}
 */
export const template = (text, names) => {
  const { pieces, values } = cut(text, names);
  const value = values[0];
  if (values.length === 0) return () => text;
  if (values.length === 1) return once(pieces[0], value, pieces[1]);
  if (values.length === 3 && values[1] === value && values[2] === value) return thrice(pieces, value);
  return (index, key) => {
    let filled = pieces[0];
    for (let i = 0; i < values.length; i += 1) filled += values[i](index, key) + pieces[i + 1];
    return filled;
  };
};

/** @type {(a: string, value: Filled, b: string) => Filled} */
const once = (a, value, b) => (index, key) => `${a}${value(index, key)}${b}`;

/**
 * The boot script's answer, checked on every request: unrolled, it costs half of the loop.
 * @type {(pieces: string[], value: Filled) => Filled}
 */
const thrice = (pieces, value) => {
  const a = pieces[0];
  const b = pieces[1];
  const c = pieces[2];
  const d = pieces[3];
  return (index, key) => {
    const v = value(index, key);
    return `${a}${v}${b}${v}${c}${v}${d}`;
  };
};

/**
 * The fixed pieces of a text and what stands between them. Without a regular expression: the first one that a VU uses
 * costs it 11 kB.
 * @type {(text: string, names: Names) => {pieces: string[], values: Filled[]}}
 */
const cut = (text, names) => {
  const parts = text.split('{');
  /** @type {Filled[]} */
  const values = [];
  const pieces = [];
  let piece = parts[0];
  for (let i = 1; i < parts.length; i += 1) {
    const end = parts[i].indexOf('}');
    const value = valueOf(parts[i].slice(0, Math.max(0, end)), names);
    if (value) {
      pieces[values.length] = piece;
      values[values.length] = value;
      piece = parts[i].slice(end + 1);
    } else piece += `{${parts[i]}`;
  }
  pieces[values.length] = piece;
  return { pieces, values };
};

/** @type {(placeholder: string, names: Names) => Filled | undefined} */
const valueOf = (placeholder, names) => {
  switch (placeholder) {
    case 'key':
      return (_, key) => key ?? '';
    case 'offset':
      return String;
    case 'id':
    case 'mac':
    case 'mac_encoded':
    case 'mac_plain':
    case 'bmc':
    case 'ip':
      return names[placeholder];
    default:
      return undefined;
  }
};
