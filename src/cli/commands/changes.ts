/** `update`, `replay`, `killall`, `maintenance`: what comes after a submission. */
import { randomUUID } from 'node:crypto';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { isRecord, readSubmitted } from '../wire.js';

const sentenceOf = (said: unknown, usual: string): string =>
  isRecord(said) && typeof said.msg === 'string' ? said.msg : usual;

/** One requirement of a job that waits; of one that runs, a shorter lifespan. */
export async function update(
  context: Context,
  id: string,
  name: string,
  value: string,
  options: CommonOptions,
): Promise<number> {
  const said = await connect(context).json('PUT', `task/${readId(id)}`, { body: { name, value } });
  if (options.json === true) await printJson(context, said);
  else tell(context, `job ${id}: ${sentenceOf(said, 'changed')}`);
  return EXIT.ok;
}

/** Submits a former job again, as it was asked for, or shows what would be sent. */
export async function replay(
  context: Context,
  id: string,
  options: CommonOptions & { readonly show?: boolean },
): Promise<number> {
  const client = connect(context);
  const task = await client.json('GET', `task/${readId(id)}/replay`);
  if (options.show === true) {
    await printJson(context, task);
    return EXIT.ok;
  }
  const answer = await client.json('POST', 'task', {
    body: task,
    query: { strict: '1' },
    headers: { 'idempotency-key': randomUUID() },
    isRepeatable: true,
  });
  const submitted = readSubmitted(answer);
  for (const warning of new Set(submitted.warnings)) tell(context, warning);
  if (options.json === true) await printJson(context, submitted);
  else await context.terminal.out(`${submitted.id}\n`);
  return EXIT.ok;
}

/** All jobs of oneself that wait or run, or of a user for administrators. */
export async function killAll(
  context: Context,
  { json, tag, user }: CommonOptions & { readonly tag?: string; readonly user?: string },
): Promise<number> {
  const client = connect(context);
  const said = await client.json('DELETE', `user/${encodeURIComponent(user ?? client.user)}/task`, {
    isRepeatable: true,
    ...(tag === undefined ? {} : { query: { tag } }),
  });
  if (json === true) await printJson(context, said);
  else {
    const killed = isRecord(said) && typeof said.killed === 'number' ? said.killed : 0;
    tell(context, `${killed} ${killed === 1 ? 'job' : 'jobs'} will be killed`);
  }
  return EXIT.ok;
}

/** Shows whether the service is in maintenance; `on` and `off` are for administrators. */
export async function maintenance(
  context: Context,
  act: 'on' | 'off' | undefined,
  { json, reason }: CommonOptions & { readonly reason?: string },
): Promise<number> {
  const client = connect(context);
  const said =
    act === undefined
      ? await client.json('GET', 'maintenance')
      : await client.json('PUT', 'maintenance', {
          body: { on: act === 'on', ...(reason === undefined ? {} : { reason }) },
          isRepeatable: true,
        });
  if (json === true) await printJson(context, said);
  else await context.terminal.out(`${maintenanceWords(said)}\n`);
  return EXIT.ok;
}

function maintenanceWords(said: unknown): string {
  if (!isRecord(said) || said.on !== true) return 'No maintenance: jobs are taken and started.';
  const why = typeof said.reason === 'string' && said.reason !== '' ? `: ${said.reason}` : '';
  return `Maintenance: no jobs are taken, nothing is started${why}`;
}
