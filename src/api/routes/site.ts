/** What the site offers: read by clients before they submit, without signing in. */
import { z } from 'zod';
import { BYTES_PER_GB } from '../../core/disk-book.js';
import { bucketOf, endOf, periodStart, type QuotaPeriod } from '../../core/quota-period.js';
import type { Instant } from '../../core/units.js';
import { flag } from '../fields.js';
import { imagesFor } from '../images.js';
import { type Call, json, type Route, route } from '../route.js';
import { epochSeconds, gigabytes, shape, whole } from '../schemas/answer.js';

const CONFIG = shape({
  images: z.array(
    shape({ name: z.string(), url: z.string(), interactive: z.boolean(), default: z.boolean() }),
  ),
  allow_user_images: z.boolean(),
  constraints: z.array(shape({ name: z.string(), value: z.array(z.string()) })),
  volumes: z.array(shape({ name: z.string(), acl: z.enum(['ro', 'rw']), mount: z.string() })),
  executor_features: z.array(z.string()).meta({ description: 'Words such as `kill` and `pause`.' }),
  executors: z.array(z.string()),
  defaults: shape({ cpu: z.number(), ram: gigabytes }),
  queues: z.array(z.string()),
  disk_default_quota: z.number().nullable().meta({ description: 'Bytes; null: none.' }),
  quota_period: shape({
    kind: z.enum(['window', 'month']),
    days: whole.optional(),
    time_zone: z.string().optional(),
    since: epochSeconds,
    resets: epochSeconds.nullable(),
  }),
  allow_root: z.boolean(),
  containerizer: z.enum(['docker', 'mesos', 'process']),
  image_used: z.boolean(),
  version: z.string(),
});

export const SITE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/config',
    tag: 'site',
    access: 'nobody-needed',
    summary: 'Show what the site offers',
    description: 'Old command lines ask before they sign in, even for --help.',
    answers: { 200: json(CONFIG, 'Images, volumes, constraints, queues, defaults.') },
    examples: [{ name: 'what the site offers', answer: { containerizer: 'docker' } }],
    handle: config,
  }),
  route({
    method: 'GET',
    path: '/image',
    tag: 'site',
    access: 'signed-in',
    summary: 'List images',
    description:
      "Those of the site; where users may name any image, also those of one's own newest jobs, the most used first.",
    query: { counts: flag.describe('With how many of your newest jobs name each.') },
    answers: {
      200: json(
        z.union([z.array(z.string()), z.array(shape({ url: z.string(), used: whole }))]),
        'As jobs name them.',
      ),
    },
    examples: [
      { name: 'all images', answer: ['debian:12', 'ubuntu:24.04'] },
      { name: 'with their use', query: { counts: 1 }, answer: [{ url: 'debian:12' }, {}] },
    ],
    async handle({ deps, person, query }) {
      const images = await imagesFor(deps, person);
      return query.counts ? images : images.map(({ url }) => url);
    },
  }),
];

async function config({ deps }: Call<'nobody-needed'>) {
  const { config } = deps;
  const images = await deps.images();
  return {
    images: images.map(({ name, url, isInteractive, isDefault }) => ({
      name,
      url,
      interactive: isInteractive,
      default: isDefault,
    })),
    allow_user_images: config.images.isAnyAllowed,
    constraints: config.constraints.map(({ name, values }) => ({ name, value: values })),
    volumes: config.volumes.map(({ name, acl, mount, path }) => ({
      name,
      acl,
      mount: mount ?? path ?? '/mnt/home',
    })),
    executor_features: deps.executorFeatures(),
    executors: config.plugins.executors,
    defaults: {
      cpu: config.jobs.cpuMilliDefault / 1000,
      ram: config.jobs.memMbDefault / 1000,
    },
    queues: config.limits.queues.map(({ name }) => name),
    disk_default_quota:
      config.limits.diskGbUsual === null ? null : config.limits.diskGbUsual * BYTES_PER_GB,
    quota_period: periodToWire(config.limits.period, deps.clock.now()),
    allow_root: config.jobs.isRootAllowed,
    containerizer: deps.containerizer,
    image_used: deps.containerizer !== 'process',
    version: deps.version,
  };
}

/** What counts for quotas now, in seconds since 1970; of a window each day leaves by itself, so it has no end. */
const periodToWire = (period: QuotaPeriod, at: Instant) => ({
  ...(period.kind === 'window'
    ? { kind: period.kind, days: period.days }
    : { kind: period.kind, time_zone: period.timeZone }),
  since: periodStart(period, at) / 1_000,
  resets: period.kind === 'window' ? null : endOf(period, bucketOf(period, at)) / 1_000,
});
