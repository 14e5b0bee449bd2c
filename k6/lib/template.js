// Text with placeholders, cut once when a script starts, so that a request costs only joins. Knows nothing of k6.

/** @typedef {import('./identity.js').Names} Names */
/** @typedef {(index: number, key?: string) => string} Filled the text for a node; `key` is the server's id of an object */

/**
 * @param {string} text with `{id}`, `{mac}`, `{mac_encoded}`, `{ip}`, `{key}` or `{offset}` (the index as a number)
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
    case 'ip':
      return names[placeholder];
    default:
      return undefined;
  }
};
