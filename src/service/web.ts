/** The web server of a process: REST API and pages, whatever tells it of the cluster. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiDeps, createApi } from '../api/app.js';
import type { CertificateWatch } from '../api/certificate-watch.js';
import { localJobFiles } from '../api/files/job-files.js';
import { close, listen } from '../api/listen.js';
import { LiveStreams } from '../api/live-streams.js';
import { withAdmins } from '../api/site-auth.js';
import { timedAuth } from '../api/timed-auth.js';
import { tokensFor } from '../api/tokens-for.js';
import type { Authenticator } from '../contracts/auth.js';
import type { Events } from '../contracts/events.js';
import { DISK_ENTRIES_RUNNING_MAX } from '../contracts/limits.js';
import type { Live } from '../contracts/live.js';
import { systemClock, systemTimers } from '../host/system.js';
import { ADMIN, ADMIN_FILE } from './admin-account.js';
import { featuresAt } from './cluster.js';
import { type Foundation, json, loaded } from './foundation.js';
import { guestIdentity } from './guests.js';
import { submissionMetrics } from './metrics/scheduler.js';
import { registriesToAsk } from './presence.js';
import { heardOf } from './status-command.js';
import { PROJECT, version } from './version.js';

const SIGN_IN_MS = 3_600_000;

/** What the web server must be told about the rest of the service. */
export type WebParts = Pick<
  ApiDeps,
  | 'containerizer'
  | 'images'
  | 'inventory'
  | 'notices'
  | 'notReady'
  | 'warnings'
  | 'obstacles'
  | 'outlook'
  | 'shares'
  | 'tracing'
> & {
  readonly events: Events;
  readonly live: Pick<Live, 'news'>;
  /** Called with a bug of ours: the process must stop. */
  readonly failed: (error: unknown) => void;
};

export interface WebServer {
  readonly url: string;
  /** Opens the page as the administrator. */
  readonly signInLink: string;
  /** Reads the certificate again; null: there is none. */
  readonly reload: (() => Promise<void>) | null;
}

/** Listens, and tells the administrator's file where. */
export async function serveWeb(foundation: Foundation, parts: WebParts): Promise<WebServer> {
  const { config, store, audit, log, metrics, stack, home, tokenSecret: secret } = foundation;
  const [auth, policy, storage] = await Promise.all([
    loaded(foundation, 'auth', config.plugins.auth),
    loaded(foundation, 'scheduler', config.plugins.scheduler),
    loaded(foundation, 'storage', 'pairtree'),
  ]);
  const { failed, live, ...told } = parts;
  // Known once the port is open; nobody can ask before.
  let certificate: CertificateWatch | null = null;
  submissionMetrics(metrics, parts.events);
  const webLog = log.with({ part: 'web' });
  const streams = new LiveStreams({
    ...{ news: live.news, store, clock: systemClock, timers: systemTimers, log: webLog },
  });
  const api = createApi({
    ...told,
    streams,
    metrics,
    config,
    store,
    audit,
    auth: timedAuth(withAdmins(auth, config.accounts.admins), systemTimers),
    guestIdentity: guestIdentity(config.accounts.guests),
    policy,
    clock: systemClock,
    timers: systemTimers,
    randomBytes,
    secret,
    log: webLog,
    warnings: () => [...told.warnings(), ...(certificate?.warnings() ?? [])],
    files: localJobFiles,
    prepareDirectory: ({ id, identity }) => storage.prepare({ id, identity, launch: 1, files: [] }),
    measureDirectory: async (directory) =>
      (await storage.measure?.(directory, { entriesMax: DISK_ENTRIES_RUNNING_MAX }))?.bytes ?? 0,
    removeDirectory: storage.remove?.bind(storage) ?? null,
    executorFeatures: () => featuresAt(config, told.inventory()),
    presence: async () => heardOf(await registriesToAsk(foundation)),
    pages: pagesFolder(),
    version: version(),
    onBug: failed,
  });
  const ports = { clock: systemClock, timers: systemTimers, log: webLog };
  const web = await listen(config.web, api.callback(), ports);
  certificate = web.certificate;
  stack.push('web server', () => close(web.server));
  streams.start();
  // Before the server: it waits for answers that go on.
  stack.push('event streams', () => streams.stop());
  stack.push('watch on the certificate', () => web.certificate?.stop());
  const { password, apikey } = foundation.adminKey;
  home.writeSecret(ADMIN_FILE, json({ server: web.url, user: ADMIN, password, apikey }));
  const signInLink = `${web.url}${config.web.prefix}/app/#token=${await signInToken(foundation, auth)}`;
  const reload = web.certificate === null ? null : web.certificate.reload.bind(web.certificate);
  return { url: web.url, signInLink, reload };
}

/** Stands in a terminal and perhaps in a log: good for an hour, and for nothing but a session. */
async function signInToken(
  { config, store, log, tokenSecret: secret }: Foundation,
  auth: Authenticator,
): Promise<string> {
  const web = { ...config.web, sessionMs: Math.min(SIGN_IN_MS, config.web.sessionMs) };
  const parts = { store, log, secret, auth, randomBytes, clock: systemClock };
  const tokens = tokensFor({ ...parts, config: { ...config, web } });
  const admin = await auth.user(ADMIN);
  return admin === undefined ? '' : tokens.forPassword(admin);
}

function pagesFolder(): string | null {
  const folder = join(PROJECT, 'web/dist');
  return existsSync(join(folder, 'index.html')) ? folder : null;
}
