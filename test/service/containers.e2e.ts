// Containers of jobs, on a real Docker: their networks, their ports, images of a registry that wants a password.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Docker, dockerFor } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { temporaryFolder } from '../support/places.js';
import { startRegistry } from '../support/registry.js';
import type { JobDocument, RestClient } from '../support/rest.js';
import { type Service, startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const BUSYBOX = '/bin/busybox';
const IMAGE = 'godocker-test/busybox:latest';

interface Asked {
  readonly requirements?: Readonly<Record<string, unknown>>;
  readonly container?: Readonly<Record<string, unknown>>;
}

interface Shown extends JobDocument {
  readonly requirements: { readonly network: string | null };
  readonly container: JobDocument['container'] & {
    readonly image: string;
    readonly ip_address: string | null;
    readonly ports: readonly string[];
    readonly port_mapping: readonly { readonly host: number; readonly container: number }[];
  };
}

async function submit(client: RestClient, script: string, asked: Asked = {}): Promise<number> {
  const document = await client.document(`#!/bin/sh\n${script}\n`, { cpu: 0.1, image: IMAGE });
  const requirements = { ...(document.requirements as object), ...asked.requirements };
  const container = { ...(document.container as object), ...asked.container };
  const answer = await client.post('/api/1.0/task', { ...document, requirements, container });
  return (answer as { readonly id: number }).id;
}

const until = async (client: RestClient, id: number, state: string): Promise<Shown> =>
  (await client.until(id, [state, 'over'])) as Shown;

/** What a job wrote to its standard output. */
const outputOf = ({ container }: JobDocument): string =>
  readFileSync(
    join(container.volumes.find(({ name }) => name === 'go-docker')?.path ?? '', 'god.log'),
    'utf8',
  );

const serve = (text: string) => `echo ${text} > index.html; exec httpd -f -p 8080 -h .`;

t.test('containers on a real Docker', { timeout: 300_000 }, async (t) => {
  if (!existsSync(BUSYBOX)) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  await busyboxImage(docker, IMAGE);
  const aService = (env: NodeJS.ProcessEnv): Promise<Service> =>
    startService(t, { containerizer: 'docker', env: { ...docker.env, ...env } });

  await t.test('ports are reached on the host; no network means none', async (t) => {
    const service = await aService({});
    const { client } = service;
    const id = await submit(client, serve('hello'), { requirements: { ports: [8080] } });
    const job = await until(client, id, 'running');
    const [mapping] = job.container.port_mapping;
    t.equal(mapping?.container, 8080);
    t.strictSame(job.container.ports, [String(mapping?.host)]);
    const said = await waitFor('the port answers', 20_000, async () => {
      const answer = await fetch(`http://127.0.0.1:${mapping?.host}/`).catch(() => undefined);
      return answer?.text();
    });
    t.equal(said, 'hello\n');
    await client.kill(id);
    t.strictSame((await until(client, id, 'over')).container.ports, []);

    const none = await submit(client, 'ls /sys/class/net', { container: { network: false } });
    t.equal(outputOf(await until(client, none, 'over')), 'lo\n');
    const config = (await client.get('/api/1.0/config')) as { executor_features: string[] };
    t.strictSame(config.executor_features, ['kill', 'resources.port']);
    await service.stop();
  });

  const subnet = await makeNetwork(docker, 'god-admin');
  for (const unified of ['false', 'true'])
    await t.test(`networks by name, mesos.unified ${unified}`, async (t) => {
      const service = await aService({
        GODOCKER_MESOS_UNIFIED: unified,
        GODOCKER_NETWORK_USE_CNI: 'true',
        GODOCKER_NETWORK_CNI_PUBLIC_NETWORK_NAME: 'nobody-made-it',
        GODOCKER_NETWORK_CNI_USER_NETWORK_NAME: 'god-$USERID',
      });
      const { client } = service;
      const mine = { requirements: { network: 'user', ports: [8080] } };
      const server = await submit(client, serve('hello'), mine);
      const running = await until(client, server, 'running');
      const ip = running.container.ip_address;
      t.ok(ip?.startsWith(subnet), `${ip} is an address of that network, ${subnet}`);
      t.strictSame(running.container.port_mapping, [], 'its own: nothing is mapped');
      t.equal(running.requirements.network, 'user');
      const ask = `until wget -qO - http://${ip}:8080/; do sleep 0.1; done; id -u`;
      const visitor = await until(client, await submit(client, ask, mine), 'over');
      t.match(outputOf(visitor), /^hello\n\d+\n$/, 'jobs of one network see each other');
      t.notMatch(outputOf(visitor), /\n0\n$/, 'and are not root');
      await client.kill(server);
      await until(client, server, 'over');

      const astray = await until(client, await submit(client, 'true'), 'over');
      t.not(astray.status.exitcode, 0);
      t.match(astray.status.reason, /network nobody-made-it not found/);
      const config = (await client.get('/api/1.0/config')) as { executor_features: string[] };
      t.strictSame(config.executor_features, ['kill', 'cni']);
      await service.stop();
    });

  await waitFor('the network is left by all, and removed', 20_000, async () => {
    return (await docker.docker(['network', 'rm', 'god-admin'])).code === 0;
  });

  await t.test('an image of a registry that wants a password', async (t) => {
    const credential = { user: 'god', password: 'not:told' };
    const registry = await startRegistry(t, BUSYBOX);
    registry.put('team/tools:1');
    registry.credentials = credential;
    const file = join(temporaryFolder(t, 'credentials'), 'config.json');
    const auth = Buffer.from(`${credential.user}:${credential.password}`).toString('base64');
    writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { auth } } }), { mode: 0o600 });
    const env = {
      GODOCKER_MESOS_UNIFIED: 'true',
      GODOCKER_USE_PRIVATE_REGISTRY: `${registry.host}/team`,
      GODOCKER_ALLOW_USER_IMAGES: 'true',
      GODOCKER_FAILURE_POLICY_STRATEGY: '0',
    };
    const container = { image: 'tools:1' };
    const without = await aService(env);
    const refused = await submit(without.client, 'true', { container });
    const failed = await until(without.client, refused, 'over');
    t.not(failed.status.exitcode, 0);
    t.ok(registry.turnedAway > 0, 'asked, and turned away');
    t.strictSame(registry.asked, []);
    await without.stop();

    const service = await aService({ ...env, GODOCKER_MESOS_IMAGE_CREDENTIALS: file });
    const id = await submit(service.client, 'echo pulled', { container });
    const job = await until(service.client, id, 'over');
    t.equal(job.status.exitcode, 0, job.status.reason ?? '');
    t.equal(outputOf(job), 'pulled\n');
    t.equal(job.container.image, 'tools:1', 'shown as asked');
    const log = readFileSync(join(service.home, 'service.log'), 'utf8');
    for (const secret of [auth, credential.password]) {
      t.notOk(log.includes(secret), 'not in the log');
      t.notOk(JSON.stringify(job).includes(secret), 'not in the answer');
    }
    await service.stop();
  });
});

/** Makes a network where Docker finds room; answers what its addresses begin with. */
async function makeNetwork(docker: Docker, name: string): Promise<string> {
  const made = await docker.docker(['network', 'create', name]);
  if (made.code !== 0) throw new Error(`network ${name}: ${made.stderr}`);
  const { stdout } = await docker.docker(['network', 'inspect', name]);
  const [{ IPAM }] = JSON.parse(stdout) as [{ IPAM: { Config: { Subnet: string }[] } }];
  const [address = ''] = (IPAM.Config[0]?.Subnet ?? '').split('/');
  return address.split('.').slice(0, 2).join('.');
}
