/**
 * Binary messages straight into our one shape and back. The library reads and writes each value; between the bytes and our shape
 * stands no object of its own, which would cost as much again as the reading.
 */
import protobuf from 'protobufjs/light.js';
import {
  BadMessage,
  DELIMITED,
  DEPTH_MAX,
  type Field,
  type Plain,
  type ScalarType,
  type Shape,
} from './shape.js';

type Reader = protobuf.Reader;
type Writer = protobuf.Writer;

interface Scalar {
  readonly read: (reader: Reader) => unknown;
  readonly write: (writer: Writer, value: never) => unknown;
}

const SCALARS: Readonly<Record<ScalarType, Scalar>> = {
  string: {
    read: (reader) => reader.string(),
    write: (writer, text: string) => writer.string(text),
  },
  bytes: {
    read: (reader) => base64Of(reader.bytes()),
    write: (writer, base64: string) => writer.bytes(base64),
  },
  bool: { read: (reader) => reader.bool(), write: (writer, is: boolean) => writer.bool(is) },
  double: { read: (reader) => reader.double(), write: (writer, n: number) => writer.double(n) },
  float: { read: (reader) => reader.float(), write: (writer, n: number) => writer.float(n) },
  int32: { read: (reader) => reader.int32(), write: (writer, n: number) => writer.int32(n) },
  uint32: { read: (reader) => reader.uint32(), write: (writer, n: number) => writer.uint32(n) },
  // Numbers beyond 2^53 (nanoseconds) lose their last digits; nothing of ours counts on them.
  int64: {
    read: (reader) => Number(reader.int64()),
    write: (writer, n: number) => writer.int64(n),
  },
  uint64: {
    read: (reader) => Number(reader.uint64()),
    write: (writer, n: number) => writer.uint64(n),
  },
};

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Of an entry of a map. */
const KEY_TAG = (1 << 3) | DELIMITED;
const VALUE_ID = 2;

// ---- reading

/** @throws BadMessage, or an Error of the library, when the bytes are no such message or lack a required field. */
export function readBinary(shape: Shape, bytes: Uint8Array): Plain {
  const reader = protobuf.Reader.create(bytes);
  return readMessage(shape, reader, {}, 0);
}

/** Reads to the reader's end into `plain`. What we do not know is passed over: fields, wire types, numbers of enums. */
function readMessage(shape: Shape, reader: Reader, plain: Plain, depth: number): Plain {
  if (depth > DEPTH_MAX) throw new BadMessage('Nested too deeply');
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const wire = tag & 7;
    const field = shape.byId.get(tag >>> 3);
    if (field === undefined) reader.skipType(wire);
    else if (field.form === 'map' && wire === DELIMITED)
      within(reader, () => readEntry(field, reader, plain, depth));
    else if (field.form === 'single' && wire === field.wire) {
      const value = readValue(field, reader, plain[field.name], depth);
      if (value !== undefined) plain[field.name] = value;
    } else if (field.form === 'repeated' && wire === field.wire)
      add(field, readValue(field, reader, undefined, depth), plain);
    else if (field.form === 'repeated' && wire === DELIMITED)
      // Numbers of a list may come in one piece.
      within(reader, () => {
        while (reader.pos < reader.len)
          add(field, readValue(field, reader, undefined, depth), plain);
      });
    else reader.skipType(wire);
  }
  for (const { name } of shape.required)
    if (plain[name] === undefined) throw new BadMessage(`Missing required fields: ${name}`);
  return plain;
}

/** Lets `read` see the next piece, whose length stands before it, and no more. */
function within<T>(reader: Reader, read: () => T): T {
  const outerEnd = enter(reader);
  const got = read();
  reader.len = outerEnd;
  return got;
}

/** The reader ends with the next piece from now on; answers where it ended before. */
function enter(reader: Reader): number {
  const bytes = reader.uint32();
  const outerEnd = reader.len;
  if (reader.pos + bytes > outerEnd) throw new BadMessage('A part is longer than the whole');
  reader.len = reader.pos + bytes;
  return outerEnd;
}

/** @param former what was read of the same message before: its parts are one */
function readValue(field: Field, reader: Reader, former: unknown, depth: number): unknown {
  const { shape, scalar } = field;
  if (shape !== undefined) {
    const outerEnd = enter(reader);
    const message = readMessage(shape, reader, (former as Plain | undefined) ?? {}, depth + 1);
    reader.len = outerEnd;
    return message;
  }
  if (scalar === undefined) return undefined;
  const value = SCALARS[scalar].read(reader);
  return field.kind === 'enum' ? field.names.get(value as number) : value;
}

function add(field: Field, item: unknown, plain: Plain): void {
  if (item === undefined) return;
  const known = plain[field.name] as unknown[] | undefined;
  if (known === undefined) plain[field.name] = [item];
  else known.push(item);
}

/** One key of a map and its value; the same key again replaces it. */
function readEntry(field: Field, reader: Reader, plain: Plain, depth: number): void {
  let key = '';
  let value: unknown;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === KEY_TAG) key = reader.string();
    else if (tag === ((VALUE_ID << 3) | field.wire)) value = readValue(field, reader, value, depth);
    else reader.skipType(tag & 7);
  }
  if (value === undefined) return;
  const entries = (plain[field.name] as Plain | undefined) ?? {};
  // Not by assignment: `__proto__` is a key like any other.
  const property = { value, enumerable: true, writable: true, configurable: true };
  plain[field.name] = Object.defineProperty(entries, key, property);
}

// ---- writing

/** Fields leave in the order of the object; what the schema does not know is left out, names of enums too. */
export function writeBinary(shape: Shape, message: object): Buffer {
  const writer = spare ?? protobuf.Writer.create();
  // A writer whose message failed half-way is used no more.
  spare = undefined;
  writeMessage(shape, message as Plain, writer);
  const bytes = writer.finish();
  if (writer.buf.length <= SPARE_BYTES_MAX) spare = writer.reset();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Between two messages; nobody writes two at once. */
let spare: Writer | undefined;
const SPARE_BYTES_MAX = 65_536;

function writeMessage(shape: Shape, plain: Plain, writer: Writer): void {
  for (const name in plain) {
    const field = shape.byName.get(name);
    const value = plain[name];
    if (field === undefined || value === undefined || value === null) continue;
    if (field.form === 'single') writeValue(field, field.id, value, writer);
    else if (field.form === 'repeated')
      for (const item of value as readonly unknown[]) writeValue(field, field.id, item, writer);
    else
      for (const [key, item] of Object.entries(value)) {
        writer.uint32((field.id << 3) | DELIMITED).fork();
        writer.uint32(KEY_TAG).string(key);
        writeValue(field, VALUE_ID, item, writer);
        writer.ldelim();
      }
  }
}

function writeValue(field: Field, id: number, value: unknown, writer: Writer): void {
  const { shape, scalar } = field;
  const tag = ((id << 3) | field.wire) >>> 0;
  if (shape !== undefined) {
    writer.uint32(tag).fork();
    writeMessage(shape, value as Plain, writer);
    writer.ldelim();
    return;
  }
  const written = field.kind === 'enum' ? field.numbers.get(value as string) : value;
  if (scalar === undefined || written === undefined) return;
  writer.uint32(tag);
  SCALARS[scalar].write(writer, written as never);
}
