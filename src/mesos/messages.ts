/**
 * Mesos v1 messages as values, one shape for both encodings: field names as in the protocol, enums as names, 64-bit
 * numbers as numbers, bytes (`uuid`, `data`) as base64 text, absent fields absent. Nested messages are named after
 * their path: `Offer.Operation.Launch` is `OfferOperationLaunch`. The types come from proto/ at build.
 */
export type * from './generated/v1.js';
