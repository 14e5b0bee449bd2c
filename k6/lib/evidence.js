// A failed answer kept as evidence: one log line for the first failure of each VU.
// A VU cannot hand text to handleSummary, and text in a tag would be a time series per text.

const MOST_BYTES = 512;
let given = false;

/**
 * @param {string} endpoint
 * @param {import('k6/http').RefinedResponse<'text'>} response
 * @param {string} why `status`, `content` or `no_answer`
 */
export function evidence(endpoint, response, why) {
  if (given) return;
  given = true;
  const error = response.error || (why === 'content' ? 'wrong content' : `status ${response.status}`);
  const body = (response.body ?? '').slice(0, MOST_BYTES);
  console.warn(`chamiperf-failure ${JSON.stringify({ endpoint, status: response.status, error, body })}`);
}
