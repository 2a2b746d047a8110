/** What the site offers: read by clients before they submit, without signing in. */
import { BYTES_PER_GB } from '../../core/disk-book.js';
import { bucketOf, endOf, periodStart, type QuotaPeriod } from '../../core/quota-period.js';
import type { Instant } from '../../core/units.js';
import type { Routes } from '../routes.js';

export function siteRoutes({ deps, router, signedIn }: Routes): void {
  const { config } = deps;

  // Old command lines call this without a token, even for --help.
  router.get('/config', async (context) => {
    const images = await deps.images();
    context.body = {
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
  });

  router.get('/image', async (context) => {
    await signedIn(context);
    context.body = (await deps.images()).map(({ url }) => url);
  });
}

/** What counts for quotas now, in seconds since 1970; of a window each day leaves by itself, so it has no end. */
const periodToWire = (period: QuotaPeriod, at: Instant) => ({
  ...(period.kind === 'window'
    ? { kind: period.kind, days: period.days }
    : { kind: period.kind, time_zone: period.timeZone }),
  since: periodStart(period, at) / 1_000,
  resets: period.kind === 'window' ? null : endOf(period, bucketOf(period, at)) / 1_000,
});
