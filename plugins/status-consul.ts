// Presence in Consul, through the agent of this machine: one service for each process, with a check that expires.
import { definePlugin } from '../src/contracts/plugin.js';
import {
  PRESENCE_LASTS_MS,
  PROCESS_ROLES,
  type Presence,
  type ProcessCard,
  type ProcessSeen,
} from '../src/contracts/presence.js';
import { instant } from '../src/core/units.js';

/** A registry that does not answer within this has not taken note. */
const ANSWER_MS_MAX = 2_000;
/** Consul takes nothing shorter: services that are critical for so long are taken off its lists. */
const FORGOTTEN_AFTER = '1m';

interface Options {
  readonly url: string;
  readonly token: string | null;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function call({ url, token }: Options, path: string, put?: unknown): Promise<Answer> {
  const response = await fetch(`${url}/v1/${path}`, {
    ...(put === undefined ? {} : { method: 'PUT', body: put === null ? '' : JSON.stringify(put) }),
    headers: token === null ? {} : { 'X-Consul-Token': token },
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  return { status: response.status, text: await response.text() };
}

function good({ status, text }: Answer, path: string): string {
  if (status === 200) return text;
  throw new Error(`Consul answers ${path} with ${status}: ${text.slice(0, 200)}`);
}

const checkOf = (name: string): string => `${name}_check`;
const serviceOf = (role: string): string => `godocker-${role}`;

/** All values of `Meta` are text, and short. */
function registration(card: ProcessCard): unknown {
  const { name, role, host, url } = card;
  const at = url === null ? null : new URL(url);
  return {
    ID: name,
    Name: serviceOf(role),
    ...(at === null ? {} : { Address: at.hostname, Port: Number(at.port) || undefined }),
    Meta: {
      host,
      pid: String(card.pid),
      version: card.version,
      startedAt: String(card.startedAt),
      url: url ?? '',
    },
    Check: {
      CheckID: checkOf(name),
      Name: `${name} lives`,
      TTL: `${PRESENCE_LASTS_MS / 1_000}s`,
      DeregisterCriticalServiceAfter: FORGOTTEN_AFTER,
    },
  };
}

interface Found {
  readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string>> | null };
}

function seenOf(
  { Service: { ID: name, Meta } }: Found,
  role: ProcessCard['role'],
  seenAt: ProcessSeen['seenAt'],
): ProcessSeen[] {
  const { host, pid, version, startedAt, url } = Meta ?? {};
  // A service of somebody else under our name.
  if (host === undefined || version === undefined) return [];
  const since = instant(Number(startedAt));
  return [
    { name, role, host, pid: Number(pid), version, startedAt: since, url: url || null, seenAt },
  ];
}

export default definePlugin({
  kind: 'status',
  name: 'consul',
  options: (raw): Options => ({
    url: raw.text('url', 'http://127.0.0.1:8500').replace(/\/+$/, ''),
    token: raw.secret('token'),
  }),
  create: (options, { clock }): Presence => {
    const known = new Set<string>();

    async function pass(name: string): Promise<Answer> {
      return call(options, `agent/check/pass/${encodeURIComponent(checkOf(name))}`, null);
    }

    return {
      beat: async (card) => {
        const isKnown = known.has(card.name);
        const answer = isKnown ? await pass(card.name) : undefined;
        if (answer?.status === 200) return;
        // New, or an agent that has restarted, or has given us up meanwhile: both say that they know no such check.
        known.delete(card.name);
        good(await call(options, 'agent/service/register', registration(card)), 'register');
        good(await pass(card.name), 'check/pass');
        known.add(card.name);
      },
      present: async () => {
        const found = await Promise.all(
          PROCESS_ROLES.map(async (role) => {
            const path = `health/service/${serviceOf(role)}`;
            const text = good(await call(options, `${path}?passing=true`), path);
            // A check that passes has been heard of within its time; Consul does not tell when.
            return (JSON.parse(text) as readonly Found[]).flatMap((one) =>
              seenOf(one, role, clock.now()),
            );
          }),
        );
        return found.flat();
      },
      leave: async (name) => {
        known.delete(name);
        const path = `agent/service/deregister/${encodeURIComponent(name)}`;
        const answer = await call(options, path, null);
        // It has given us up already.
        if (answer.status !== 404) good(answer, path);
      },
    };
  },
});
