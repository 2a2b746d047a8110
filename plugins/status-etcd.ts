// Presence in etcd, through the JSON gateway of its v3 API: one key for each process, on a lease that expires.
import { definePlugin } from '../src/contracts/plugin.js';
import { PRESENCE_LASTS_MS, type Presence, type ProcessSeen } from '../src/contracts/presence.js';

/** A registry that does not answer within this has not taken note. */
const ANSWER_MS_MAX = 2_000;
const LEASE_SECONDS = PRESENCE_LASTS_MS / 1_000;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The first key behind all that begin with this one. */
const behind = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

type Answer = Readonly<Record<string, unknown>>;

/** etcd does not know the lease (any more). */
class LeaseGone extends Error {}

async function call(url: string, path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${url}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as Answer;
  if (/lease not found/.test(text)) throw new LeaseGone(text);
  throw new Error(`etcd answers ${path} with ${response.status}: ${text.slice(0, 200)}`);
}

export default definePlugin({
  kind: 'status',
  name: 'etcd',
  options: (raw) => ({
    url: raw.text('url', 'http://127.0.0.1:2379').replace(/\/+$/, ''),
    prefix: `/${raw.text('prefix', '/godocker').replace(/^\/+|\/+$/g, '')}`,
  }),
  create: ({ url, prefix }, { clock }): Presence => {
    const keyOf = ({ role, name }: { role: string; name: string }) =>
      `${prefix}/process/${role}/${name}`;
    const leases = new Map<string, string>();

    async function leaseOf(name: string): Promise<string> {
      const known = leases.get(name);
      if (known !== undefined) return known;
      const { ID } = await call(url, 'lease/grant', { TTL: LEASE_SECONDS });
      if (typeof ID !== 'string') throw new Error('etcd grants no lease');
      leases.set(name, ID);
      return ID;
    }

    async function put(seen: ProcessSeen): Promise<void> {
      const lease = await leaseOf(seen.name);
      await call(url, 'lease/keepalive', { ID: lease });
      const value = base64(JSON.stringify(seen));
      await call(url, 'kv/put', { key: base64(keyOf(seen)), value, lease });
    }

    return {
      beat: async (card) => {
        const seen = { ...card, seenAt: clock.now() };
        try {
          await put(seen);
        } catch (error) {
          // It expired while we, or etcd, slept: then there is a new one.
          leases.delete(card.name);
          if (!(error instanceof LeaseGone)) throw error;
          await put(seen);
        }
      },
      present: async () => {
        const from = `${prefix}/process/`;
        const { kvs = [] } = await call(url, 'kv/range', {
          key: base64(from),
          range_end: base64(behind(from)),
        });
        return (kvs as readonly { readonly value: string }[]).flatMap(({ value }) => {
          try {
            return [JSON.parse(Buffer.from(value, 'base64').toString()) as ProcessSeen];
          } catch {
            // Written by somebody else under our prefix: no process of ours.
            return [];
          }
        });
      },
      leave: async (name) => {
        const lease = leases.get(name);
        leases.delete(name);
        // The key goes with its lease.
        if (lease !== undefined) await call(url, 'lease/revoke', { ID: lease });
      },
    };
  },
});
