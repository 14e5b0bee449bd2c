// A mix of operations in stated shares. Knows nothing of k6.

/**
 * @param {Record<string, number>} shares of each operation; they need not sum to anything
 * @returns {(draw: number) => string} the operation for a draw from [0, 1)
 */
export function mixOf(shares) {
  const entries = Object.entries(shares).filter(([, share]) => share > 0);
  const sum = entries.reduce((total, [, share]) => total + share, 0);
  if (!(sum > 0)) throw new Error('the mix of operations is empty, expected at least one share above 0');
  let edge = 0;
  const edges = entries.map(([name, share]) => ({ name, edge: (edge += share / sum) }));
  return (draw) => (edges.find((entry) => draw < entry.edge) ?? edges[edges.length - 1]).name;
}
