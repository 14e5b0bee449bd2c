// Kea's host reservations, in both styles of answer. Knows nothing of k6.

/** Kea's result for "there are none". */
const EMPTY = 3;

/** @typedef {{'hw-address'?: string, 'ip-address'?: string}} Reservation a host may be known by another identifier */
/** @typedef {{result: number, text?: string, arguments?: {reservations?: Reservation[], hosts?: Reservation[]}}} Answer */

/**
 * @param {Answer[] | Answer | null} answers
 * @returns {Map<string, string> | null}
 */
export function reservationsIn(answers) {
  const answer = Array.isArray(answers) ? answers[0] : answers;
  if (!answer || (answer.result !== 0 && answer.result !== EMPTY)) return null;
  const all = answer.arguments?.reservations ?? answer.arguments?.hosts ?? [];
  return new Map(
    all.flatMap(({ 'hw-address': mac, 'ip-address': ip = '' }) => (mac ? [[mac.toLowerCase(), ip]] : [])),
  );
}
