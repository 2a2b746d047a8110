/** `godocker admin audit`: reads and checks the audit log, out of the record; the service may run meanwhile. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { actsOf, auditToWire, subjectOf } from '../api/audit-wire.js';
import type { AuditQuery, AuditRecord } from '../contracts/audit.js';
import type { Config } from '../contracts/config.js';
import { PAGE_ITEMS_MAX } from '../contracts/limits.js';
import { SILENT } from '../contracts/log.js';
import type { Store } from '../contracts/store.js';
import { canonical, cleanText, readAudit } from '../core/audit.js';
import {
  type AuditHead,
  type BrokenChain,
  ChainCheck,
  isDamaged,
  NO_HEAD,
  seqOf,
} from '../core/audit-chain.js';
import { DURATION_FORM, durationMsOf } from '../core/duration.js';
import { type Instant, instant } from '../core/units.js';
import { systemClock } from '../host/system.js';
import { sha256 } from '../store/audit-columns.js';
import { openToLook } from './open-store.js';

/** After sysexits: the log is not what it was. */
const DATA = 65;

export interface AuditPorts {
  /** The configuration; undefined: it is wrong, and that was said. */
  readonly configured: (file: string | undefined) => Config | undefined;
  /** Is told the exit code. */
  readonly done: (code: number) => void;
  /** Exit code of a wrong configuration. */
  readonly wrongConfig: number;
}

interface AuditOptions {
  readonly config?: string;
  readonly since?: Instant;
  readonly until?: Instant;
  readonly actor?: string;
  readonly act?: string;
  readonly subject?: string;
  readonly json?: true;
  readonly verify?: true;
  readonly noted?: AuditHead;
  readonly head?: true;
}

export function auditCommand({ configured, done, wrongConfig }: AuditPorts): Command {
  return new Command('audit')
    .description('who did what: reads the audit log, or checks that nothing of it was changed')
    .exitOverride()
    .showHelpAfterError()
    .option(
      '--since <time>',
      'from a date on, as in 2026-11-21, or so long ago, as in 7d',
      readTime,
    )
    .option('--until <time>', 'before a date, or so long ago', readTime)
    .option('--actor <login>', 'what this user did; "system": the service itself')
    .option('--act <act>', 'an act, or a group of acts such as session')
    .option('--subject <subject>', 'what it was about, as in user:alice, node:n1 or job')
    .option('--json', 'one JSON object a line')
    .addOption(
      new Option('--verify', 'checks the whole chain; ends with 65 if it is broken').conflicts([
        ...['since', 'until', 'actor', 'act', 'subject', 'head'],
      ]),
    )
    .option(
      '--noted <number:hash>',
      'with --verify: a head that was noted elsewhere must be in the chain',
      readHead,
    )
    .option('--head', 'number and hash of the newest entry, to be noted elsewhere')
    .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
    .action(async (options: AuditOptions) => {
      const config = configured(options.config);
      done(config === undefined ? wrongConfig : await audit(config, options));
    });
}

function readTime(text: string): Instant {
  const ago = durationMsOf(text);
  if (ago !== undefined && /[smhd]$/.test(text)) return instant(systemClock.now() - ago);
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date)) return instant(date);
  throw new InvalidArgumentError(
    `It is no date (UTC), as in 2026-11-21, and not ${DURATION_FORM}.`,
  );
}

function readHead(text: string): AuditHead {
  const [, seq, hash = ''] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined)
    throw new InvalidArgumentError('It is no head: a number, a colon and 64 hexadecimal digits.');
  return { seq: Number(seq), hash };
}

/** @throws ServiceError */
async function audit(config: Config, options: AuditOptions): Promise<number> {
  const store = await openToLook(config, SILENT);
  try {
    if (options.verify === true || options.noted !== undefined)
      return await verify(store, options.noted);
    if (options.head === true) return tellHead(await store.auditHead());
    for await (const record of recordsOf(store, queryOf(options)))
      process.stdout.write(`${options.json === true ? jsonLine(record) : line(record)}\n`);
    return 0;
  } finally {
    await store.close();
  }
}

const queryOf = ({ since, until, actor, act, subject }: AuditOptions) => ({
  ...(actor === undefined ? {} : { actor }),
  ...(act === undefined ? {} : { acts: actsOf(act) }),
  ...(subject === undefined ? {} : { subject: subjectOf(subject) }),
  ...(since === undefined ? {} : { from: since }),
  ...(until === undefined ? {} : { to: until }),
});

/** All that match, however many. */
async function* recordsOf(
  store: Pick<Store, 'auditPage'>,
  query: Omit<AuditQuery, 'after' | 'limit'>,
): AsyncGenerator<AuditRecord> {
  for (let after = 0; ; ) {
    const page = await store.auditPage({ ...query, after, limit: PAGE_ITEMS_MAX });
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = seqOf(last);
  }
}

/** What is added meanwhile is checked with the rest, or not looked at. */
async function verify(store: Store, noted: AuditHead | undefined): Promise<number> {
  const { seq } = (await store.auditHead()) ?? NO_HEAD;
  const check = new ChainCheck(sha256, noted);
  for await (const record of recordsOf(store, {})) check.add(record);
  const broken = check.ends(seq);
  if (broken !== undefined) {
    process.stdout.write(`broken at entry ${broken.seq}: ${WORDS[broken.because]}\n`);
    return DATA;
  }
  const { head, erased } = check;
  const gone = erased === 0 ? '' : `; values that were erased: ${erased}`;
  process.stdout.write(
    head.seq === 0
      ? 'whole: there is no entry yet\n'
      : `whole: ${head.seq} entries, head ${head.seq}:${head.hash}${gone}\n`,
  );
  return 0;
}

const WORDS: Readonly<Record<BrokenChain['because'], string>> = {
  damaged: 'it cannot be read, or its parts tell different things',
  missing: 'it is not there',
  changed: 'it is not what its hash says',
  unlinked: 'it does not follow the entry before it',
  unsealed: 'a name or a fact is not what its seal says',
  another: 'it is not the entry that was noted',
};

function tellHead(head: AuditHead | undefined): number {
  process.stdout.write(head === undefined ? 'none\n' : `${head.seq}:${head.hash}\n`);
  return 0;
}

/** Texts are harmless since they were stored; what somebody put into the database by hand is made so. */
const jsonLine = (record: AuditRecord): string =>
  JSON.stringify(auditToWire(record)).replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (one) =>
    Array.from({ length: one.length }, (_, at) => escaped(one.charCodeAt(at))).join(''),
  );

const escaped = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** Words between spaces; a field that is not there is `-`. */
function line(record: AuditRecord): string {
  if (isDamaged(record)) return `${record.seq} damaged: ${cleanText(record.damage)}`;
  const entry = readAudit(record);
  const { subject, remote, via, keyId, requestId, facts, count, actingFor } = entry;
  const about = subject === null ? '-' : `${subject.kind}:${subject.id ?? '(erased)'}`;
  const who = entry.erased.includes('actor') ? '(erased)' : (entry.actor ?? '-');
  const pairs = [
    `via=${via}${keyId === null ? '' : `:${keyId}`}`,
    ...(remote === null ? [] : [`from=${remote}`]),
    ...(requestId === null ? [] : [`request=${requestId}`]),
    ...(count === 1 ? [] : [`count=${count}`]),
    ...(Object.keys(facts).length === 0 ? [] : [canonical(facts)]),
  ];
  const words = [
    String(entry.seq),
    new Date(entry.at).toISOString(),
    actingFor === null ? who : `${who}(for ${actingFor})`,
    entry.act,
    entry.outcome,
    about,
    ...pairs,
  ];
  return words.map(shown).join(' ');
}

/** As `cleanText`, without a cut: facts are bounded where they are stored. */
const shown = (text: string): string =>
  (text.match(/[\s\S]{1,100}/gu) ?? []).map((part) => cleanText(part)).join('');
