/** What the schema says of each message, prepared for walking; and the way from JSON of anybody into our one shape. */
import protobuf from 'protobufjs/light.js';
import { assert, unreachable } from '../core/assert.js';

/** A message somebody sent is not what the protocol asks for. The text is fit for an answer. */
export class BadMessage extends Error {
  override readonly name = 'BadMessage';
}

export type Plain = Record<string, unknown>;

type Kind = 'message' | 'enum' | 'string' | 'bytes' | 'bool' | 'integer' | 'double';

const SCALAR_TYPES = [
  ...(['string', 'bytes', 'bool', 'double', 'float'] as const),
  ...(['int32', 'uint32', 'int64', 'uint64'] as const),
];
export type ScalarType = (typeof SCALAR_TYPES)[number];

export interface Field {
  readonly name: string;
  /** By which binary messages name it. */
  readonly id: number;
  readonly kind: Kind;
  /** How binary messages write it; undefined: as a message. */
  readonly scalar: ScalarType | undefined;
  /** The lowest three bits of its tag. */
  readonly wire: number;
  readonly isRequired: boolean;
  readonly form: 'single' | 'repeated' | 'map';
  /** Of a message. */
  readonly shape: Shape | undefined;
  /** Of an enum. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

/** A message type, prepared for walking. Fields stand in order of their numbers. */
export interface Shape {
  readonly fields: Field[];
  readonly required: Field[];
  readonly byName: Map<string, Field>;
  readonly byId: Map<number, Field>;
}

/** ContainerID may nest in itself; protobuf libraries stop at the same depth. */
export const DEPTH_MAX = 100;
/** The wire type of texts, bytes and messages: their length goes before them. */
export const DELIMITED = 2;
const shapes = new WeakMap<protobuf.Type, Shape>();

/** Prepared once for each type. Types refer to each other in circles, so a shape is known before it is filled. */
export function shapeOf(type: protobuf.Type): Shape {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  const shape: Shape = { fields: [], required: [], byName: new Map(), byId: new Map() };
  shapes.set(type, shape);
  for (const field of [...type.fieldsArray].sort((a, b) => a.id - b.id)) {
    const made = fieldOf(field);
    shape.fields.push(made);
    if (made.isRequired) shape.required.push(made);
    shape.byName.set(made.name, made);
    shape.byId.set(made.id, made);
  }
  return shape;
}

function fieldOf(field: protobuf.Field): Field {
  const of = field.resolve().resolvedType;
  const values = of instanceof protobuf.Enum ? Object.entries(of.values) : [];
  const scalar = scalarOf(field);
  return {
    name: field.name,
    id: field.id,
    kind: kindOf(field),
    scalar,
    wire: scalar === undefined ? DELIMITED : (protobuf.types.basic[scalar] ?? DELIMITED),
    isRequired: field.required,
    form: field.map ? 'map' : field.repeated ? 'repeated' : 'single',
    shape: of instanceof protobuf.Type ? shapeOf(of) : undefined,
    numbers: new Map(values),
    names: new Map(values.map(([name, number]) => [number, name])),
  };
}

function scalarOf(field: protobuf.Field): ScalarType | undefined {
  if (field.resolvedType instanceof protobuf.Enum) return 'int32';
  if (field.resolvedType instanceof protobuf.Type) return undefined;
  const scalar = SCALAR_TYPES.find((type) => type === field.type);
  assert(scalar !== undefined, `${field.fullName} is of a type that we read and write`);
  return scalar;
}

function kindOf(field: protobuf.Field): Kind {
  if (field.resolvedType instanceof protobuf.Enum) return 'enum';
  if (field.resolvedType instanceof protobuf.Type) return 'message';
  if (field.type === 'string' || field.type === 'bytes' || field.type === 'bool') return field.type;
  return field.type === 'double' || field.type === 'float' ? 'double' : 'integer';
}

// ---- From JSON ----

/**
 * @throws BadMessage in Mesos' words: the first value of a wrong type, or else all missing required fields with
 * their paths.
 */
export function readJson(shape: Shape, value: unknown): Plain {
  if (!isObject(value)) throw new BadMessage('Expecting a JSON object');
  const plain = readObject(shape, value, 0);
  const missing = missingIn(shape, plain, '');
  if (missing.length > 0) throw new BadMessage(`Missing required fields: ${missing.join(', ')}`);
  return plain;
}

const isObject = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readObject(shape: Shape, object: Plain, depth: number): Plain {
  if (depth > DEPTH_MAX) throw new BadMessage('Nested too deeply');
  const plain: Plain = {};
  for (const [name, value] of Object.entries(object)) {
    const field = shape.byName.get(name);
    const read = field && readField(field, value, depth);
    if (read !== undefined) plain[name] = read;
  }
  return plain;
}

function readField(field: Field, value: unknown, depth: number): unknown {
  if (value === null) return undefined;
  if (field.form === 'single') return readValue(field, value, depth);
  if (field.form === 'map') {
    if (!isObject(value)) return readValue(field, value, depth);
    const pairs = Object.entries(value).map(([key, item]) => [key, readValue(field, item, depth)]);
    return pairs.length > 0 ? Object.fromEntries(pairs) : undefined;
  }
  // A single value where a list is due counts as a list of one, as Mesos has it.
  const items = (Array.isArray(value) ? value : [value]).map((item) =>
    readValue(field, item, depth),
  );
  const known = items.filter((item) => item !== undefined);
  return known.length > 0 ? known : undefined;
}

function readValue(field: Field, value: unknown, depth: number): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) throw unexpected(field, 'array');
  if (isObject(value)) {
    if (field.shape === undefined) throw unexpected(field, 'object');
    return readObject(field.shape, value, depth + 1);
  }
  if (typeof value === 'string') return readText(field, value);
  if (typeof value === 'number') {
    if (field.kind === 'double') return value;
    if (field.kind === 'integer') return Math.trunc(value);
    throw unexpected(field, 'number');
  }
  if (field.kind === 'bool') return value;
  throw unexpected(field, 'boolean');
}

const unexpected = (field: Field, type: string): BadMessage =>
  new BadMessage(`Not expecting a JSON ${type} for field '${field.name}'`);

function readText(field: Field, text: string): unknown {
  switch (field.kind) {
    case 'string':
      return text;
    case 'enum':
      if (field.numbers.has(text)) return text;
      if (field.isRequired) throw new BadMessage(`Failed to find enum for '${text}'`);
      return undefined;
    case 'bytes':
      return readBase64(field, text);
    case 'bool':
      if (text === 'true' || text === 'false') return text === 'true';
      throw unparsable(field, text, 'boolean');
    case 'integer':
    case 'double': {
      const isNumber = /^\s*-?\d+(\.\d+)?([eE][+-]?\d+)?\s*$/.test(text);
      if (!isNumber) throw unparsable(field, text, 'number');
      return field.kind === 'integer' ? Math.trunc(Number(text)) : Number(text);
    }
    case 'message':
      throw unexpected(field, 'string');
    default:
      return unreachable(field.kind);
  }
}

const unparsable = (field: Field, text: string, type: string): BadMessage =>
  new BadMessage(
    `Failed to parse '${text}' as a JSON ${type} for field '${field.name}': syntax error at line 1 near: ${text}`,
  );

/** Returned in canonical form, so that equal bytes are equal text. */
function readBase64(field: Field, text: string): string {
  const foreign = /[^A-Za-z0-9+/=]/.exec(text);
  if (foreign !== null)
    throw new BadMessage(
      `Failed to base64 decode bytes field '${field.name}': Invalid character '${foreign[0]}'`,
    );
  return Buffer.from(text, 'base64').toString('base64');
}

/** A message's own fields first, then those of its parts: the order in which Mesos names them. */
function missingIn(shape: Shape, plain: Plain, path: string): string[] {
  const missing = shape.fields
    .filter((field) => field.isRequired && plain[field.name] === undefined)
    .map((field) => path + field.name);
  for (const field of shape.fields) {
    const value = plain[field.name];
    if (value === undefined || field.shape === undefined) continue;
    if (field.form === 'single')
      missing.push(...missingIn(field.shape, value as Plain, `${path}${field.name}.`));
    else
      for (const [key, item] of Object.entries(value as Plain))
        missing.push(...missingIn(field.shape, item as Plain, `${path}${field.name}[${key}].`));
  }
  return missing;
}
