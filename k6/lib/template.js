// Text with placeholders, cut once when a script starts, so that a request costs only joins. Knows nothing of k6.

/** @typedef {import('./identity.js').Names} Names */
/** @typedef {(index: number, key?: string) => string} Filled the text for a node; `key` is the server's id of an object */

const PLACEHOLDER = /\{(id|mac|mac_encoded|ip|key|offset)\}/;

/**
 * @param {string} text with `{id}`, `{mac}`, `{mac_encoded}`, `{ip}`, `{key}` or `{offset}` (the index as a number)
 * @param {Names} names
 * @returns {Filled}
 */
export function template(text, names) {
  const pieces = text.split(PLACEHOLDER);
  if (pieces.length === 1) return () => text;
  /** @type {Record<string, Filled>} */
  const fill = { ...names, key: (_, key) => key ?? '', offset: (index) => String(index) };
  const [head] = pieces;
  /** @type {{value: Filled, tail: string}[]} */
  const parts = [];
  for (let i = 1; i < pieces.length; i += 2) parts.push({ value: fill[pieces[i]], tail: pieces[i + 1] });
  if (parts.length === 1) {
    const [{ value, tail }] = parts;
    return (index, key) => head + value(index, key) + tail;
  }
  return (index, key) => parts.reduce((filled, part) => filled + part.value(index, key) + part.tail, head);
}
