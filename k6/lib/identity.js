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

/** Text with placeholders is cut once when a script starts, so that a request costs only joins.
 * @typedef {(index: number, key?: string) => string} Filled the text for a node; `key` is the server's id of an object */

/**
 * A name of a node with fixed text around it: one function and one join in place of two, which every request would pay.
 * @typedef {(before: string, after: string) => Filled} Around
 */

/**
 * The names of one run's nodes.
 * @typedef {object} Names
 * @property {string} id template with `{offset}`
 * @property {string} bmc the name of the node's controller, likewise; empty where the dialect has none
 * @property {Around} mac lower case, with colons
 * @property {Around} mac_encoded the MAC as a query parameter
 * @property {Around} mac_plain the MAC without colons
 * @property {Around} ip dotted decimal; repeats when the network is too small
 */

/** Looking digits up costs a fifth of cutting a formatted number; every request pays it. */
const HEX = '0123456789abcdef';

/** @type {(hash: string, colon: string) => Around} */
const macsOf = (hash, colon) => (before, after) => {
  const head = `${before}02${colon}${hash.slice(0, 2)}${colon}${hash.slice(2, 4)}${colon}${hash[4]}`;
  return (i) =>
    `${head}${HEX[i >>> 16]}${colon}${HEX[(i >>> 12) & 15]}${HEX[(i >>> 8) & 15]}${colon}${HEX[(i >>> 4) & 15]}${HEX[i & 15]}${after}`;
};

/** @type {(network: string, shift: number) => Around} */
const addressesOf = (network, shift) => (before, after) => {
  let first = 0;
  let usable = 0;
  return (index) => {
    if (usable === 0) {
      const [base, bits] = network.split('/');
      first = base.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0) + 1;
      usable = 2 ** (32 - Number(bits)) - 2;
    }
    const address = first + ((shift + index) % usable);
    return `${before}${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}${after}`;
  };
};

/** @type {(runId: string) => string} a run id as the decimal number that it is in base 36: more than a double can hold */
const decimal = (runId) => {
  let value = BigInt(0);
  for (let i = 0; i < runId.length; i += 1) value = value * BigInt(36) + BigInt(parseInt(runId[i], 36));
  return String(value);
};

/** @type {(form: string, runId: string) => string} */
const namedBy = (form, runId) => {
  const named = form.replace('{run}', runId).replace('{index}', '{offset}');
  return named.includes('{run36}') ? named.replace('{run36}', decimal(runId)) : named;
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

/**
 * @param {string} text with `{id}`, `{bmc}`, `{mac}`, `{mac_encoded}`, `{mac_plain}`, `{ip}`, `{key}` or `{offset}` (the
 *   index as a number)
 * @param {Names} names
 * @param {string} [before] what stands before it as it is
 * @param {string} [after] what stands after it as it is
 * @returns {Filled}
 */
export const template = (text, names, before = '', after = '') => {
  const { pieces, found } = cut(text.split('{id}').join(names.id).split('{bmc}').join(names.bmc));
  pieces[0] = before + pieces[0];
  pieces[found.length] += after;
  if (found.length === 0) return always(pieces[0]);
  if (found.length === 1) return around(found[0], names, pieces[0], pieces[1]);
  /** @type {Filled[]} */
  const values = [];
  let counted = 0;
  for (let i = 0; i < found.length; i += 1) {
    if (found[i] === 'offset') counted += 1;
    values[i] = valueOf(found, values, i) ?? around(found[i], names, '', '');
  }
  if (found.length === 3 && counted === 3) return thrice(pieces);
  return (index, key) => {
    let filled = pieces[0];
    for (let i = 0; i < values.length; i += 1) filled += values[i](index, key) + pieces[i + 1];
    return filled;
  };
};

/** @type {(found: Placeholder[], values: Filled[], at: number) => Filled | undefined} what fills the same one before it */
const valueOf = (found, values, at) => {
  for (let i = 0; i < at; i += 1) if (found[i] === found[at]) return values[i];
  return undefined;
};

/** @type {(text: string) => Filled} */
const always = (text) => () => text;

/** @type {(placeholder: Placeholder, names: Names, before: string, after: string) => Filled} */
const around = (placeholder, names, before, after) => {
  if (placeholder === 'key') return (_, key) => `${before}${key ?? ''}${after}`;
  if (placeholder === 'offset') return (index) => `${before}${index}${after}`;
  return names[placeholder](before, after);
};

/**
 * The boot script's answer, checked on every request: unrolled, it costs half of the loop.
 * @type {(pieces: string[]) => Filled}
 */
const thrice = (pieces) => {
  const a = pieces[0];
  const b = pieces[1];
  const c = pieces[2];
  const d = pieces[3];
  return (index) => `${a}${index}${b}${index}${c}${index}${d}`;
};

/** @typedef {'key' | 'offset' | 'mac' | 'mac_encoded' | 'mac_plain' | 'ip'} Placeholder */

/** @type {(text: string) => Placeholder | null} */
const placeholderOf = (text) => {
  switch (text) {
    case 'key':
    case 'offset':
    case 'mac':
    case 'mac_encoded':
    case 'mac_plain':
    case 'ip':
      return text;
    default:
      return null;
  }
};

/**
 * The fixed pieces of a text and what stands between them. Without a regular expression: the first one that a VU uses
 * costs it 11 kB.
 * @type {(text: string) => {pieces: string[], found: Placeholder[]}}
 */
const cut = (text) => {
  const parts = text.split('{');
  /** @type {Placeholder[]} */
  const found = [];
  const pieces = [];
  let piece = parts[0];
  for (let i = 1; i < parts.length; i += 1) {
    const end = parts[i].indexOf('}');
    const placeholder = placeholderOf(parts[i].slice(0, Math.max(0, end)));
    if (placeholder) {
      pieces[found.length] = piece;
      found[found.length] = placeholder;
      piece = parts[i].slice(end + 1);
    } else piece += `{${parts[i]}`;
  }
  pieces[found.length] = piece;
  return { pieces, found };
};
