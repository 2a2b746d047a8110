import { randomUUID } from 'node:crypto';
import type { Client } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, tell } from '../context.js';
import { readTime } from '../dependencies.js';
import { readDryRun } from '../dry-run-view.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import {
  readScript,
  type Script,
  type SubmitOptions,
  scriptOf,
  submissionOf,
} from '../submission.js';
import { filesToUpload, uploadAndStart } from '../upload.js';
import { readSubmitted } from '../wire.js';

/** What stood on the command line: the words after `--`, or else the name of a script. */
export interface Asked {
  readonly script: readonly string[];
  readonly command: readonly string[] | null;
}

/** Stores a job and tells its id; does not wait for it. */
export async function submit(
  context: Context,
  asked: Asked,
  options: SubmitOptions & CommonOptions,
): Promise<number> {
  const script = await scriptFor(context, asked);
  if (options.dryRun === true) return tryJob(context, script, options);
  const { id, warnings } = await sendJob(context, connect(context), script, options);
  if (options.json === true) await printJson(context, { id, warnings });
  else await context.terminal.out(`${id}\n`);
  return EXIT.ok;
}

/** Nothing is stored: what the job would get is printed, and what is odd about it. */
async function tryJob(
  context: Context,
  script: Script,
  options: SubmitOptions & CommonOptions,
): Promise<number> {
  filesToUpload(context.terminal.directory, options.upload ?? []);
  const answer = await connect(context).json('POST', 'task', {
    body: bodyOf(context, script, options),
    query: { strict: '1', dry_run: '1' },
    // An older server takes the job: once, then.
    headers: { 'idempotency-key': randomUUID() },
    isRepeatable: true,
  });
  const told = readDryRun(answer);
  if (options.json === true) await printJson(context, answer);
  else await context.terminal.out(told);
  return EXIT.ok;
}

function bodyOf(context: Context, script: Script, options: SubmitOptions) {
  // Without one the server takes the site's default.
  const image = options.image ?? (context.terminal.env.GODOCKER_IMAGE || undefined);
  const begin =
    options.begin === undefined
      ? {}
      : { begin: readTime(String(options.begin), '--begin', context.now()) };
  return submissionOf(script, image, { ...options, ...begin });
}

export async function scriptFor({ terminal }: Context, asked: Asked): Promise<Script> {
  if (asked.command !== null && asked.command.length > 0 && asked.script.length === 0)
    return scriptOf(asked.command);
  const [path, ...more] = asked.script;
  if (path === undefined || more.length > 0 || asked.command !== null)
    throw new Failure(
      EXIT.usage,
      'give one script ("god run job.sh") or a command after "--" ("god run -- echo hello")',
    );
  return readScript(path, terminal);
}

/** One job, also when the first answer gets lost: the key makes a repeated submission harmless. */
export async function sendJob(
  context: Context,
  client: Client,
  script: Script,
  options: SubmitOptions,
): Promise<{ id: number; warnings: readonly string[] }> {
  const files = filesToUpload(context.terminal.directory, options.upload ?? []);
  const answer = await client.json('POST', 'task', {
    body: bodyOf(context, script, options),
    query: { strict: '1' },
    headers: { 'idempotency-key': randomUUID() },
    isRepeatable: true,
  });
  const submitted = readSubmitted(answer);
  for (const warning of new Set(submitted.warnings)) tell(context, warning);
  if (options.upload !== undefined)
    await uploadAndStart(client, submitted.id, files, {
      startsHeld: options.hold === true,
      warn: (sentence) => tell(context, sentence),
    });
  return submitted;
}
