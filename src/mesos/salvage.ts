/**
 * What can be saved of an OFFERS event that cannot be read as a whole: every offer but the broken ones, and of these the
 * ids, so that they can be given back. One agent with strange resources must not cost the cluster's other offers.
 */
import protobuf from 'protobufjs/light.js';
import { BadMessage, decodeOffer, JSON_TYPE, type MediaType } from './codec.js';
import type { Event, Offer } from './messages.js';

export interface BrokenOffer {
  /** Null: not even that can be read. */
  readonly id: string | null;
  readonly because: string;
}

export interface Salvage {
  readonly event: Event;
  readonly broken: readonly BrokenOffer[];
}

/** One offer as it travelled. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly id: () => string | null;
}

/** Undefined when the bytes are no OFFERS event, or cannot even be cut into offers. */
export function salvageOffers(bytes: Uint8Array, mediaType: MediaType): Salvage | undefined {
  const pieces = mediaType === JSON_TYPE ? piecesOfJson(bytes) : piecesOfProtobuf(bytes);
  if (pieces === undefined) return undefined;
  const offers: Offer[] = [];
  const broken: BrokenOffer[] = [];
  for (const piece of pieces) {
    try {
      offers.push(decodeOffer(piece.bytes, mediaType));
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      broken.push({ id: piece.id(), because: error.message });
    }
  }
  return { event: { type: 'OFFERS', offers: { offers } }, broken };
}

// ---- JSON

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

function piecesOfJson(bytes: Uint8Array): readonly Piece[] | undefined {
  let event: unknown;
  try {
    event = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined; // Said already, in a master's words, by whoever tried to read the event.
  }
  const offers = at(at(event, 'offers'), 'offers');
  if (at(event, 'type') !== 'OFFERS' || !Array.isArray(offers)) return undefined;
  return offers.map((offer: unknown) => {
    const id = at(at(offer, 'id'), 'value');
    return {
      bytes: Buffer.from(JSON.stringify(offer)),
      id: () => (typeof id === 'string' ? id : null),
    };
  });
}

// ---- protobuf: numbers as in proto/

const EVENT_TYPE = 1;
const OFFERS_TYPE = 2;
const EVENT_OFFERS = 3;
const OFFERS_OFFERS = 1;
const OFFER_ID = 1;
const ID_VALUE = 1;
const VARINT = 0;
const LENGTH_DELIMITED = 2;

function piecesOfProtobuf(bytes: Uint8Array): readonly Piece[] | undefined {
  const event = fieldsOf(bytes);
  if (event === undefined || event.numbers.get(EVENT_TYPE) !== OFFERS_TYPE) return undefined;
  const pieces: Piece[] = [];
  for (const list of event.parts.get(EVENT_OFFERS) ?? []) {
    const offers = fieldsOf(list);
    if (offers === undefined) return undefined;
    for (const offer of offers.parts.get(OFFERS_OFFERS) ?? [])
      pieces.push({ bytes: offer, id: () => idOf(offer) });
  }
  return pieces;
}

function idOf(offer: Uint8Array): string | null {
  const id = fieldsOf(offer)?.parts.get(OFFER_ID)?.at(-1);
  const value = id === undefined ? undefined : fieldsOf(id)?.parts.get(ID_VALUE)?.at(-1);
  return value === undefined ? null : Buffer.from(value).toString('utf8');
}

interface Fields {
  readonly numbers: ReadonlyMap<number, number>;
  readonly parts: ReadonlyMap<number, readonly Uint8Array[]>;
}

/** A message cut into its fields, whatever they mean; undefined where the cuts do not fit. */
function fieldsOf(bytes: Uint8Array): Fields | undefined {
  const numbers = new Map<number, number>();
  const parts = new Map<number, Uint8Array[]>();
  const reader = protobuf.Reader.create(bytes);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const field = tag >>> 3;
      const wire = tag & 7;
      if (wire === VARINT) numbers.set(field, reader.uint32());
      else if (wire === LENGTH_DELIMITED)
        parts.set(field, [...(parts.get(field) ?? []), reader.bytes()]);
      else reader.skipType(wire);
    }
  } catch {
    return undefined; // The reader's only way to say so.
  }
  return { numbers, parts };
}
