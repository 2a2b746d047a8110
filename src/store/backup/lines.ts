// Records as lines of JSON, and back. Documents stand nested in them where that loses nothing, so that exports can be read with any tool.
import {
  type BackupRecord,
  EXPORT_VERSION,
  type Field,
  ImportRefused,
  RECORD_FIELDS,
  RECORD_KINDS,
  type RecordCounts,
  type RecordKind,
} from '../../contracts/backup.js';

/** The first line: what this is. */
export interface Header {
  readonly kind: 'export';
  readonly product: 'godocker';
  readonly version: number;
  /** When it was begun, ISO 8601. */
  readonly at: string;
  readonly from: 'embedded' | 'mongo';
}

/** The last line: what must have come before it. */
export interface Trailer {
  readonly kind: 'end';
  readonly records: RecordCounts;
  /** Lines between the first and this one. */
  readonly lines: number;
  /** Hex SHA-256 of all bytes before this line. */
  readonly sha256: string;
}

const fieldsOf = (kind: RecordKind): readonly (readonly [string, Field])[] =>
  Object.entries(RECORD_FIELDS[kind]);
const FIELDS = new Map(RECORD_KINDS.map((kind) => [kind, fieldsOf(kind)]));

/** Ends with a line feed. */
export function lineOf(record: BackupRecord): string {
  let line = `{"kind":"${record.kind}"`;
  const values: Readonly<Record<string, unknown>> = { ...record };
  for (const [name, type] of FIELDS.get(record.kind) ?? []) {
    const value = values[name];
    if (value === null) continue;
    const isDocument = type.startsWith('document') && isExact(String(value));
    line += `,"${name}":${isDocument ? value : JSON.stringify(value)}`;
  }
  return `${line}}\n`;
}

/** Whether a text is an object, or a list, of JSON that is written again letter by letter the same. */
function isExact(text: string): boolean {
  if (!/^[{[]/.test(text)) return false;
  try {
    return JSON.stringify(JSON.parse(text)) === text;
  } catch {
    return false;
  }
}

/** Whether each field of a record is what an import will read. */
export function isWhole(record: BackupRecord): boolean {
  const values: Readonly<Record<string, unknown>> = { ...record };
  return (FIELDS.get(record.kind) ?? []).every(([name, type]) =>
    values[name] === null ? type.endsWith('?') : valueIn(values[name], type) !== undefined,
  );
}

/** A line that is no record of ours. @throws ImportRefused damaged */
function refuse(line: number, why: string): never {
  throw new ImportRefused('damaged', `line ${line}: ${why}`);
}

type Parsed = Readonly<Record<string, unknown>>;

/** The first line. @throws ImportRefused damaged, newer-format */
export function headerIn(text: string): Header {
  const header = parsed(text, 1);
  if (header.kind !== 'export' || header.product !== 'godocker')
    throw new ImportRefused('damaged', 'the file is no export of GoDocker');
  const { version } = header;
  if (!Number.isSafeInteger(version) || Number(version) < 1)
    refuse(1, `version: ${JSON.stringify(version)} is no version of exports`);
  if (Number(version) > EXPORT_VERSION)
    throw new ImportRefused(
      'newer-format',
      `the export has format ${version}, made by a newer GoDocker; this one knows ${EXPORT_VERSION}. Import it with that one, or newer`,
    );
  return header as unknown as Header;
}

/** Any later line. @throws ImportRefused damaged */
export function recordOrTrailer(text: string, line: number): BackupRecord | Trailer {
  const found = parsed(text, line);
  if (found.kind === 'end') return trailerIn(found, line);
  const fields = FIELDS.get(found.kind as RecordKind);
  if (fields === undefined) return refuse(line, `kind: ${JSON.stringify(found.kind)} is unknown`);
  const record: Record<string, unknown> = { kind: found.kind };
  let known = 1;
  for (const [name, type] of fields) {
    if (Object.hasOwn(found, name)) known++;
    record[name] = valueIn(found[name], type) ?? missing(found[name], type, { line, name });
  }
  if (known < Object.keys(found).length) {
    const names = new Set(['kind', ...fields.map(([name]) => name)]);
    const unknown = Object.keys(found).find((name) => !names.has(name));
    refuse(line, `${unknown}: a field that records of kind ${found.kind} do not have`);
  }
  return record as unknown as BackupRecord;
}

function missing(value: unknown, type: Field, at: { line: number; name: string }): null {
  if (value === undefined && type.endsWith('?')) return null;
  const what = value === undefined ? 'is missing' : `is no ${type.replace('?', '')}`;
  return refuse(at.line, `${at.name}: ${what}`);
}

/** Undefined: it is not of that type. */
function valueIn(value: unknown, type: Field): string | number | undefined {
  switch (type.replace('?', '')) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'integer':
      return Number.isSafeInteger(value) ? Number(value) : undefined;
    case 'number':
      return typeof value === 'number' ? value : undefined;
    case 'flag':
      return value === 0 || value === 1 ? value : undefined;
    default:
      if (typeof value === 'string') return value;
      return typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined;
  }
}

function trailerIn(found: Parsed, line: number): Trailer {
  const { records, lines, sha256 } = found;
  const isWhole =
    typeof records === 'object' &&
    records !== null &&
    Object.values(records).every((count) => Number.isSafeInteger(count)) &&
    Number.isSafeInteger(lines) &&
    typeof sha256 === 'string';
  if (!isWhole) refuse(line, 'the end lacks its counts or its checksum');
  // Kinds that a former version did not know are none.
  const none = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, 0]));
  return { ...found, records: { ...none, ...(records as object) } } as unknown as Trailer;
}

function parsed(text: string, line: number): Parsed {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Parsed;
  } catch {
    return refuse(line, 'it is no JSON');
  }
  return refuse(line, 'it is no object');
}
