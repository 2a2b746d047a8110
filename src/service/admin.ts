/** `godocker admin`: what administrators do to the record as a whole, beside the service. */
import { basename } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { Home } from '../config/home.js';
import {
  type BackupRecord,
  type BackupSource,
  type BackupTarget,
  ImportRefused,
} from '../contracts/backup.js';
import type { Config } from '../contracts/config.js';
import type { Log } from '../contracts/log.js';
import type { BrokenChain } from '../core/audit-chain.js';
import { systemClock } from '../host/system.js';
import { checkExport, fill, importExport } from '../store/backup/read.js';
import { inWords, Tally } from '../store/backup/tally.js';
import { writeExport } from '../store/backup/write.js';
import { openEmbeddedSource } from '../store/embedded/backup-source.js';
import { openEmbeddedTarget } from '../store/embedded/backup-target.js';
import { ImportReport } from '../store/original/report.js';
import { type OriginalRules, translated } from '../store/original/translate.js';
import { auditExport, brokenWords, importNote } from './admin-audit.js';
import { STORE_FILE, storeFileIn } from './open-store.js';

/** After sysexits: what was given cannot be imported; a file cannot be read, or written. */
const DATA = 65;
const CANNOT_CREATE = 73;

interface Ports {
  /** The configuration; undefined: it is wrong, and that was said. */
  readonly configured: (file: string | undefined) => Config | undefined;
  /** Is told the exit code. */
  readonly done: (code: number) => void;
  /** Exit code of a wrong configuration. */
  readonly wrongConfig: number;
}

interface ImportOptions {
  readonly config?: string;
  readonly replace?: true;
  readonly dryRun?: true;
  readonly fromGodocker?: string;
  readonly counters?: string;
  readonly admin?: readonly string[];
  readonly active?: OriginalRules['active'];
  readonly timeZone?: string;
}

export function adminCommand({ configured, done, wrongConfig }: Ports): Command {
  const admin = new Command('admin').description('the record as a whole: backups, moving');
  const withConfig = async (
    file: string | undefined,
    work: (config: Config) => Promise<number>,
  ): Promise<void> => {
    const config = configured(file);
    done(config === undefined ? wrongConfig : await refusable(() => work(config)));
  };
  admin
    .command('export <file>')
    .description(
      'writes everything that is on record to a file, while the service may run; packed if its name ends with .gz, - is the standard output',
    )
    .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
    .action((file: string, options: { readonly config?: string }) =>
      withConfig(options.config, (config) => exportTo(file, config)),
    );
  admin
    .command('import [file]')
    .description('fills an empty store with an export, all of it or nothing; no service may run')
    .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
    .option('--replace', 'drops what the store holds')
    .option('--dry-run', 'looks everything through and changes nothing')
    .option(
      '--from-godocker <place>',
      'instead of a file: an original GoDocker, its mongodb://… or a folder of mongoexport files',
    )
    .option('--counters <file>', 'of an original: keys and values of its Redis, a pair a line')
    .option(
      '--admin <login>',
      'of an original: an administrator; may be repeated',
      (one: string, all: readonly string[] = []) => [...all, one],
    )
    .addOption(
      new Option('--active <what>', 'of an original: what becomes of jobs that wait or run')
        .choices(['refuse', 'over', 'leave-out'])
        .default('refuse'),
    )
    .option(
      '--time-zone <zone>',
      "of an original: where its counters' days begin (default: here)",
      (zone: string) => {
        if (isTimeZone(zone)) return zone;
        throw new InvalidArgumentError('It is no time zone, such as Europe/Paris.');
      },
    )
    .action((file: string | undefined, options: ImportOptions) => {
      const place = options.fromGodocker;
      if ((file === undefined) === (place === undefined))
        throw new CommanderError(
          1,
          'godocker.import',
          saidAloud('either a file or --from-godocker is needed'),
        );
      return withConfig(options.config, (config) =>
        place === undefined
          ? importFrom(file ?? '', options, config)
          : importOriginal(place, options, config),
      );
    });
  for (const command of [admin, ...admin.commands]) command.exitOverride().showHelpAfterError();
  return admin;
}

async function exportTo(file: string, config: Config): Promise<number> {
  const source = await openSource(config);
  try {
    const at = new Date(systemClock.now()).toISOString();
    await auditExport(config, file);
    const about = { at, from: config.store.kind };
    const { records, sha256, brokenAudit } = await writeExport(file, source, about);
    // Standard output may be the export.
    tell(`exported: ${inWords(records)}`);
    tell(`sha256 of the lines: ${sha256}`);
    tellBroken(brokenAudit);
    return 0;
  } finally {
    await source.close();
  }
}

async function importFrom(file: string, options: ImportOptions, config: Config): Promise<number> {
  // Before anything is opened, or made.
  const checked = await checkExport(file);
  const { header, records, brokenAudit } = checked;
  tellBroken(brokenAudit);
  if (options.dryRun === true) {
    tell(`sound, of ${header.at}, from a store of kind ${header.from}: ${inWords(records)}`);
    return 0;
  }
  return withTarget(config, async (target) => {
    const isReplacing = options.replace === true;
    const note = importNote(config, { file: basename(file), of: header.at, from: header.from });
    await importExport(file, target, { isReplacing, checked, note });
    tell(`imported: ${inWords(records)}`);
    return 0;
  });
}

function tellBroken(broken: BrokenChain | undefined): void {
  const words = brokenWords(broken);
  if (words !== undefined) tell(words);
}

/** Reads only, as often as one likes; with `--dry-run` nothing is written anywhere. */
async function importOriginal(
  place: string,
  options: ImportOptions,
  config: Config,
): Promise<number> {
  const { countersIn, openOriginal } = await import('../store/original/source.js');
  const report = new ImportReport();
  const tally = new Tally();
  const rules: OriginalRules = {
    admins: new Set(options.admin ?? []),
    at: systemClock.now(),
    active: options.active ?? 'refuse',
    timeZone: options.timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
    counters: options.counters === undefined ? new Map() : await countersIn(options.counters),
  };
  const source = await openOriginal(place);
  try {
    const portions = tallied(translated(source, rules, report), tally);
    if (options.dryRun === true) for await (const _ of portions);
    else
      await withTarget(config, (target) =>
        fill(target, portions, {
          isReplacing: options.replace === true,
          expected: () => tally.counts(),
          note: importNote(config, { from: 'an original GoDocker' }),
        }),
      );
  } finally {
    await source.close();
  }
  for (const line of report.lines()) tell(line);
  tell(`${options.dryRun === true ? 'would import' : 'imported'}: ${inWords(tally.counts())}`);
  return 0;
}

async function* tallied(
  portions: AsyncIterable<readonly BackupRecord[]>,
  tally: Tally,
): AsyncGenerator<readonly BackupRecord[]> {
  for await (const records of portions) {
    for (const record of records) tally.add(record);
    yield records;
  }
}

/** The home is ours meanwhile: on one machine no service can run. @throws HomeTaken */
export async function withTarget<T>(
  config: Config,
  work: (target: BackupTarget) => Promise<T>,
): Promise<T> {
  const home = Home.open(config.home, 'alone');
  try {
    const target =
      config.store.kind === 'embedded'
        ? openEmbeddedTarget(home.at(STORE_FILE))
        : await (await import('../store/mongo/backup-target.js')).openMongoTarget(config.store);
    try {
      return await work(target);
    } finally {
      await target.close();
    }
  } finally {
    home.close();
  }
}

async function openSource(config: Config): Promise<BackupSource> {
  if (config.store.kind === 'mongo') {
    const { openMongoSource } = await import('../store/mongo/backup-source.js');
    return openMongoSource({ ...config.store, log });
  }
  return openEmbeddedSource(storeFileIn(config.home));
}

async function refusable(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImportRefused) {
      tell(`nothing was imported: ${error.message}`);
      return DATA;
    }
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOSPC' && code !== 'EISDIR')
      throw error;
    tell(message);
    return CANNOT_CREATE;
  }
}

const tell = (text: string): boolean => process.stderr.write(`godocker: ${text}\n`);

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

function saidAloud(message: string): string {
  tell(message);
  return message;
}

/** On standard error: the other one may be the export. */
const say = (message: string, facts: object = {}): void =>
  void tell(`${message} ${JSON.stringify(facts)}`);
const log: Log = { debug: () => {}, info: say, warn: say, error: say, with: () => log };
