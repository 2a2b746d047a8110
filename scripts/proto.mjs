// Turns proto/ into what src/mesos needs: `v1.js`, the schema as data (the codec walks it for both encodings), and
// `v1.d.ts`, one interface for each message in the shape all our code uses: field names as in the files, enums as
// names, 64-bit numbers as numbers, bytes as base64 text, absent fields absent.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const PACKAGES = ['mesos.v1.scheduler', 'mesos.v1'];
const NUMBERS = new Set(['double', 'float', 'int32', 'uint32', 'int64', 'uint64']);

/** Paths of all .proto files below `folder`, in a stable order. */
export function protoFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .sort()
    .map((name) => join(folder, name));
}

/** Writes `v1.js` and `v1.d.ts` into `target`; throws on a file that does not parse or a type nobody declares. */
export function generate(files, target) {
  const root = new protobuf.Root();
  for (const file of files) {
    const options = { keepCase: true, alternateCommentMode: true };
    protobuf.parse.filename = file;
    protobuf.parse(readFileSync(file, 'utf8'), root, options);
  }
  root.resolveAll();
  mkdirSync(target, { recursive: true });
  const note = '// Made by scripts/proto.mjs from proto/. Do not edit.\n';
  writeFileSync(
    join(target, 'v1.js'),
    `${note}export const schema = ${JSON.stringify(root.toJSON())};\n`,
  );
  const types = [...declarations(root)].join('\n');
  writeFileSync(
    join(target, 'v1.d.ts'),
    `${note}/** The schema, as \`protobuf.Root.fromJSON\` takes it. */\nexport declare const schema: { nested: Record<string, never> };\n\n${types}`,
  );
}

/** `mesos.v1.Offer.Operation` is `OfferOperation` in TypeScript. */
function nameOf(type) {
  const full = type.fullName.slice(1);
  const home = PACKAGES.find((name) => full.startsWith(`${name}.`));
  return full.slice(home.length + 1).replaceAll('.', '');
}

function* declarations(space) {
  for (const item of space.nestedArray) {
    if (item instanceof protobuf.Enum) {
      const names = Object.keys(item.values).map((name) => `'${name}'`);
      yield `${comment(item.comment)}export type ${nameOf(item)} = ${names.join(' | ')};\n`;
    } else if (item instanceof protobuf.Type) {
      const fields = item.fieldsArray.map(
        (field) =>
          `${comment(field.comment, '  ')}  readonly ${field.name}${field.required ? '' : '?'}: ${typeOf(field)};\n`,
      );
      yield `${comment(item.comment)}export interface ${nameOf(item)} {\n${fields.join('')}}\n`;
    }
    if (item.nestedArray !== undefined) yield* declarations(item);
  }
}

function typeOf(field) {
  const one = scalarOf(field);
  if (field.map) return `Readonly<Record<string, ${one}>>`;
  return field.repeated ? `readonly ${one}[]` : one;
}

function scalarOf(field) {
  if (field.resolvedType !== null) return nameOf(field.resolvedType);
  if (NUMBERS.has(field.type)) return 'number';
  if (field.type === 'bool') return 'boolean';
  if (field.type === 'string' || field.type === 'bytes') return 'string';
  throw new Error(`${field.fullName}: no TypeScript type for ${field.type}`);
}

const comment = (text, indent = '') =>
  text === null || text === undefined
    ? ''
    : `${indent}/** ${text.replaceAll('\n', ' ').replaceAll('*/', '')} */\n`;
