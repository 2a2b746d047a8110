// What a placed job becomes for its cluster, as far as the site's settings of containers say.
import t from 'tap';
import type { ContainersConfig } from '../../src/contracts/config.js';
import type { JobSpec } from '../../src/core/job.js';
import { type TaskMode, taskOrder } from '../../src/daemon/task-order.js';
import { aLaunching, aPlacement, aSpec } from '../core/samples.js';

const SITE: ContainersConfig = {
  registry: 'registry.site/team',
  network: {
    isDisabled: false,
    isNamed: true,
    names: { public: 'weave', user: 'god-$USERID', project: null },
  },
};

const order = (spec: Partial<JobSpec>, mode: TaskMode = 'container', ports: number[] = []) =>
  taskOrder(aLaunching({ spec: aSpec(spec), placement: { ...aPlacement(), ports } }), {
    mode,
    role: '*',
    installation: 'i',
    containers: SITE,
    credentialsFile: '/home/bob/c.tar.gz',
  });

t.test('images come from the registry of the site, also those that name another', async (t) => {
  const cases: Record<string, string> = {
    'debian:12': 'registry.site/team/debian:12',
    'quay.io/bio/bwa': 'registry.site/team/quay.io/bio/bwa',
    'registry.site/team/debian:12': 'registry.site/team/debian:12',
    'registry.site/team2/debian': 'registry.site/team/registry.site/team2/debian',
  };
  for (const [image, whole] of Object.entries(cases)) t.equal(order({ image }).image, whole);
  t.equal(order({}, 'process').image, null, 'processes have none');
});

t.test('networks have the names of the site, with the words of the job in them', async (t) => {
  const networkName = (spec: Partial<JobSpec>) => order({ hasNetwork: true, ...spec }).networkName;
  t.equal(networkName({ network: null }), null);
  t.equal(networkName({ network: 'public' }), 'weave');
  t.equal(networkName({ network: 'user' }), 'god-bob');
  t.equal(networkName({ network: 'project' }), 'project', 'gone from the settings: no other one');
  t.equal(networkName({ network: 'user', hasNetwork: false }), null);
});

t.test('ports of the agent are told to the job; lifespan and credentials go along', async (t) => {
  const { environment, credentialsFile, lifespanMs, login } = order(
    { ports: [80, 22], lifespanMs: 5_000 },
    'container',
    [31_005, 31_000],
  );
  t.equal(environment.GODOCKER_PORTS, '31005,31000');
  t.match({ credentialsFile, lifespanMs, login }, { lifespanMs: 5_000, login: 'bob' });
  t.equal(credentialsFile, '/home/bob/c.tar.gz');
  t.equal(order({}, 'process').credentialsFile, null);
  t.notOk('GODOCKER_PORTS' in order({}).environment);
});
