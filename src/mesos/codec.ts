/**
 * Mesos v1 messages as bytes, in both encodings. Decoding is as lenient as Mesos is: unknown fields are passed over,
 * `null` is an absent field, an enum name or number we do not know leaves its field unset. The texts of `BadMessage` are
 * those of a real master.
 */
import protobuf from 'protobufjs/light.js';
import { readBinary, writeBinary } from './binary.js';
import { schema } from './generated/v1.js';
import type { Call, Event, FrameworkInfo, Offer } from './messages.js';
import { BadMessage, type Plain, readJson, type Shape, shapeOf } from './shape.js';

export { BadMessage } from './shape.js';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
export type MediaType = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

const root = protobuf.Root.fromJSON(schema).resolveAll();

/** One top-level message type in both encodings. */
class Codec<Message extends object> {
  readonly #shape: Shape;
  readonly #name: string;

  constructor(fullName: string) {
    const type = root.lookupType(fullName);
    this.#shape = shapeOf(type);
    this.#name = type.name;
  }

  encode(message: Message, mediaType: MediaType): Buffer {
    if (mediaType === JSON_TYPE) return Buffer.from(asciiJson(message), 'latin1');
    return writeBinary(this.#shape, message);
  }

  decode(bytes: Uint8Array, mediaType: MediaType): Message {
    // The walk makes a value of the shape that `Message` declares: both come from the same files.
    return (mediaType === JSON_TYPE ? this.#fromJson(bytes) : this.#fromProtobuf(bytes)) as Message;
  }

  #fromJson(bytes: Uint8Array): Plain {
    const value = parseJson(bytes);
    try {
      return readJson(this.#shape, value);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      throw new BadMessage(`Failed to convert JSON into ${this.#name} protobuf: ${error.message}`);
    }
  }

  #fromProtobuf(bytes: Uint8Array): Plain {
    try {
      return readBinary(this.#shape, bytes);
    } catch (cause) {
      throw new BadMessage(`Failed to parse body into ${this.#name} protobuf`, { cause });
    }
  }
}

const calls = new Codec<Call>('mesos.v1.scheduler.Call');
const events = new Codec<Event>('mesos.v1.scheduler.Event');
const frameworks = new Codec<FrameworkInfo>('mesos.v1.FrameworkInfo');
const offers = new Codec<Offer>('mesos.v1.Offer');

export const encodeCall = (call: Call, mediaType: MediaType): Buffer =>
  calls.encode(call, mediaType);

/** @throws BadMessage with a real master's words for a body it answers 400 to. */
export const decodeCall = (bytes: Uint8Array, mediaType: MediaType): Call =>
  calls.decode(bytes, mediaType);

/** One event, without its RecordIO length. JSON is pure ASCII and has no line break. */
export const encodeEvent = (event: Event, mediaType: MediaType): Buffer =>
  events.encode(event, mediaType);

/** @throws BadMessage when the bytes are no event. */
export const decodeEvent = (bytes: Uint8Array, mediaType: MediaType): Event =>
  events.decode(bytes, mediaType);

/** One offer out of an event. @throws BadMessage when the bytes are none. */
export const decodeOffer = (bytes: Uint8Array, mediaType: MediaType): Offer =>
  offers.decode(bytes, mediaType);

/** A framework on its own, for who keeps frameworks on disk. */
export const encodeFramework = (framework: FrameworkInfo, mediaType: MediaType): Buffer =>
  frameworks.encode(framework, mediaType);

/** @throws BadMessage when the bytes are no FrameworkInfo. */
export const decodeFramework = (bytes: Uint8Array, mediaType: MediaType): FrameworkInfo =>
  frameworks.decode(bytes, mediaType);

/** Some clients compare a record's length in bytes with its length in characters, so both must agree. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = /position (\d+)/.exec(String(cause))?.[1];
    const at = position === undefined ? text.length : Number(position);
    const line = text.slice(0, at).split('\n').length;
    const near = text.slice(at).split('\n')[0] ?? '';
    const because = `syntax error at line ${line} near: ${near.slice(0, 200)}`;
    throw new BadMessage(`Failed to parse body into JSON: ${because}`, { cause });
  }
}
