// Text with placeholders, cut once when a script starts, so that a request costs only joins. Knows nothing of k6.

/** @typedef {import('./identity.js').Names} Names */
/** @typedef {(index: number, key?: string) => string} Filled the text for a node; `key` is the server's id of an object */

const PLACEHOLDERS = ['id', 'mac', 'mac_encoded', 'ip', 'key', 'offset'];

/**
 * @param {string} text with `{id}`, `{mac}`, `{mac_encoded}`, `{ip}`, `{key}` or `{offset}` (the index as a number)
 * @param {Names} names
 * @returns {Filled}
 */
export const template = (text, names) => {
  const { pieces, values } = cut(text, names);
  const [a, b, c, d] = pieces;
  const [value] = values;
  if (values.length === 0) return () => text;
  if (values.length === 1) return (index, key) => `${a}${value(index, key)}${b}`;
  if (values.length === 3 && values.every((other) => other === value)) {
    // The boot script's answer, checked on every request: unrolled, it costs half of the loop below.
    return (index, key) => {
      const v = value(index, key);
      return `${a}${v}${b}${v}${c}${v}${d}`;
    };
  }
  return (index, key) => {
    let filled = a;
    for (let i = 0; i < values.length; i += 1) filled += values[i](index, key) + pieces[i + 1];
    return filled;
  };
};

/**
 * The fixed pieces of a text and what stands between them. Without a regular expression: the first one that a VU uses
 * costs it 11 kB.
 * @type {(text: string, names: Names) => {pieces: string[], values: Filled[]}}
 */
const cut = (text, names) => {
  const values = [];
  let [piece, ...rest] = text.split('{');
  const pieces = [];
  for (const part of rest) {
    const end = part.indexOf('}');
    const placeholder = part.slice(0, Math.max(0, end));
    if (PLACEHOLDERS.includes(placeholder)) {
      pieces.push(piece);
      values.push(valueOf(placeholder, names));
      piece = part.slice(end + 1);
    } else piece += `{${part}`;
  }
  pieces.push(piece);
  return { pieces, values };
};

/** @type {(placeholder: string, names: Names) => Filled} */
const valueOf = (placeholder, names) => {
  if (placeholder === 'key') return (_, key) => key ?? '';
  if (placeholder === 'offset') return String;
  return names[/** @type {keyof Names} */ (placeholder)];
};
