/** The service as a whole: whether it answers, who of it is alive, maintenance, figures that daemons of the original push. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Counter, Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { NAME_CHARS_MAX } from '../../contracts/limits.js';
import { MAINTENANCE_SETTING, type Maintenance } from '../../contracts/maintenance.js';
import { PROCESS_ROLES } from '../../contracts/presence.js';
import { audited } from '../audit.js';
import { section } from '../fields.js';
import { maintenanceNow } from '../maintenance.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { epochSeconds, shape, whole } from '../schemas/answer.js';

const MAINTENANCE = shape({
  on: z.boolean(),
  reason: z.string().nullable().meta({ description: 'For users.' }),
  by: z.string().nullable(),
  since: epochSeconds.nullable(),
});

const CHANGE = section({
  on: z.boolean({ error: 'must be true or false' }),
  reason: z
    .string({ error: 'must be a text' })
    .max(NAME_CHARS_MAX, { error: `may have at most ${NAME_CHARS_MAX} characters` })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
    .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'may not contain control characters' })
    .optional(),
});

const PROCESS = shape({
  name: z.string(),
  type: z.enum(PROCESS_ROLES),
  status: z.boolean().meta({ description: 'True: it lives. Those that do not are not named.' }),
  timestamp: epochSeconds.meta({ description: 'When it was heard of last.' }),
  host: z.string(),
  pid: whole,
  version: z.string(),
  since: epochSeconds,
});

const PUSHED = section({
  key: z.string({ error: 'must be a text' }),
  stat: z
    .array(
      section({
        name: z.string({ error: 'must be a text' }),
        value: z.number({ error: 'must be a number' }),
        host: z.string().max(NAME_CHARS_MAX).nullish(),
      }),
    )
    .max(1_000, { error: 'may have at most 1000 entries' }),
});

export const SERVICE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/ping',
    tag: 'service',
    access: 'nobody-needed',
    summary: 'Tell that the service answers',
    answers: { 200: json(shape({ msg: z.literal('pong') })) },
    examples: [{ name: 'ping', as: null, answer: { msg: 'pong' } }],
    handle: () => ({ msg: 'pong' }),
  }),
  route({
    method: 'GET',
    path: '/status',
    tag: 'service',
    access: 'admin',
    summary: 'List the processes of the service that live',
    answers: {
      200: json(
        shape({
          processes: z.array(PROCESS),
          silent: z.array(z.string()).meta({ description: 'Registries that did not answer.' }),
        }),
        'As far as they told within the last twenty seconds.',
      ),
    },
    examples: [{ name: 'all processes' }],
    async handle({ deps }) {
      const { processes, silent } = await deps.presence();
      return {
        processes: processes.map(({ name, role, seenAt, host, pid, version, startedAt }) => ({
          ...{ name, type: role, status: true, timestamp: seenAt / 1_000 },
          ...{ host, pid, version, since: startedAt / 1_000 },
        })),
        silent,
      };
    },
  }),
  route({
    method: 'GET',
    path: '/maintenance',
    tag: 'service',
    access: 'signed-in',
    summary: 'Tell whether the service is in maintenance',
    answers: { 200: json(MAINTENANCE) },
    examples: [{ name: 'it is not', answer: { on: false, reason: null } }],
    handle: async ({ deps }) => toWire(await maintenanceNow(deps)),
  }),
  route({
    method: 'PUT',
    path: '/maintenance',
    tag: 'service',
    access: 'admin',
    summary: 'Begin or end maintenance',
    description:
      'While it lasts no submission is taken and nothing is launched; jobs that run go on. All processes know it within seconds, and after a restart.',
    body: CHANGE,
    answers: { 200: json(MAINTENANCE) },
    examples: [{ name: 'it ends', body: { on: false }, answer: { on: false } }],
    handle: change,
  }),
  route({
    method: 'POST',
    path: '/prometheus',
    tag: 'service',
    access: 'nobody-needed',
    summary: 'Take figures that daemons of the original push',
    description:
      'With the key that the site configured (`prometheus_key`); without one there is no such route. `god_scheduler_run_duration`, `god_scheduler_sched_duration` and `god_watcher_job_error` stand in `/metrics`; others are left out.',
    body: PUSHED,
    answers: {
      200: json(shape({ msg: z.literal('ok'), ignored: whole }), 'How many were left out.'),
    },
    errors: ['forbidden', 'route-not-found'],
    examples: [
      {
        name: 'the last round',
        as: null,
        body: { key: 'k', stat: [{ name: 'god_scheduler_run_duration', value: 0.2 }] },
        answer: { msg: 'ok', ignored: 0 },
      },
      {
        name: 'another key',
        as: null,
        body: { key: 'no', stat: [] },
        status: 403,
        answer: { code: 'forbidden' },
      },
    ],
    handle: push,
  }),
];

const toWire = (maintenance: Maintenance | null) => ({
  on: maintenance !== null,
  reason: maintenance?.reason ?? null,
  by: maintenance?.by ?? null,
  since: maintenance === null ? null : maintenance.at / 1_000,
});

async function change({
  context,
  deps,
  person,
  body: { on, reason = '' },
}: Call<'admin', None, None, None, z.output<typeof CHANGE>>) {
  const { store, clock, log, notices } = deps;
  const maintenance: Maintenance = { by: person.id, at: clock.now(), reason };
  const subject = { kind: 'site', id: 'maintenance' } as const;
  const act = on ? 'maintenance.begin' : 'maintenance.end';
  await audited({ context, deps }, { act, subject, facts: { reason } }, () =>
    on
      ? store.putSetting(MAINTENANCE_SETTING, JSON.stringify(maintenance))
      : store.dropSetting(MAINTENANCE_SETTING),
  );
  log.info(on ? 'maintenance began' : 'maintenance ended', { by: person.id, reason });
  notices.wished();
  return toWire(await maintenanceNow(deps));
}

/** Both are hashed first: then they are of one length, and the time tells nothing. */
const isSame = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

function push({
  deps: { config, metrics },
  body,
}: Call<'nobody-needed', None, None, None, z.output<typeof PUSHED>>) {
  const key = config.monitoring.prometheusKey;
  if (key === null)
    throw new ServiceError('route-not-found', 'this site takes no figures from others');
  if (!isSame(body.key, key)) throw new ServiceError('forbidden', 'key: not that of this site');
  let ignored = 0;
  for (const { name, value, host } of body.stat) {
    if (DURATIONS.has(name)) durationIn(metrics, name).set(value);
    else if (name === ERRORS && value >= 0) errorsIn(metrics).inc({ host: host ?? '' }, value);
    else ignored += 1;
  }
  return { msg: 'ok', ignored };
}

const DURATIONS: ReadonlyMap<string, string> = new Map([
  ['god_scheduler_run_duration', 'Seconds of the last round, as a scheduler of the original told'],
  ['god_scheduler_sched_duration', 'Seconds of its ordering'],
]);
const ERRORS = 'god_watcher_job_error';

function durationIn(metrics: Registry, name: string): Gauge {
  const known = metrics.getSingleMetric(name);
  if (known instanceof Gauge) return known;
  return new Gauge({ name, help: DURATIONS.get(name) ?? name, registers: [metrics] });
}

function errorsIn(metrics: Registry): Counter<'host'> {
  const known = metrics.getSingleMetric(ERRORS);
  if (known instanceof Counter) return known as Counter<'host'>;
  const help = 'Errors with jobs, as watchers of the original told';
  return new Counter({ name: ERRORS, help, labelNames: ['host'] as const, registers: [metrics] });
}
