// What bad input gets: a code, a sentence, the field; nothing stored, never a 500.
import t, { type Test } from 'tap';
import { NOTHING } from '../../src/core/resources.js';
import { type AService, type Asked, aService, aTask } from './a-service.js';

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly field?: string;
  /** Part of the sentence. */
  readonly says?: RegExp;
}

async function refused(
  t: Test,
  { ask, store, noticed }: AService,
  name: string,
  asked: Asked & { readonly path?: string },
  { status, code, field, says }: Refusal,
): Promise<void> {
  const answer = await ask(asked.path ?? '/api/1.0/task', asked);
  const { headers, statusCode, body } = answer;
  t.equal(statusCode, status, `${name}: ${body.slice(0, 200)}`);
  t.match(headers['content-type'], /^application\/json/, name);
  const said = answer.json<Record<string, unknown>>();
  t.equal(said.code, code, name);
  t.type(said.msg, 'string', name);
  if (field !== undefined) t.equal(said.field, field, name);
  if (says !== undefined) t.match(said.msg, says, name);
  t.equal((await store.list({})).length, 0, `${name}: nothing stored`);
  t.same(noticed, [], `${name}: nobody told`);
}

const field = (name: string, says?: RegExp): Refusal => ({
  status: 400,
  code: 'bad-field',
  field: name,
  ...(says === undefined ? {} : { says }),
});
const unsupported = (name: string): Refusal => ({
  status: 400,
  code: 'not-supported',
  field: name,
});
const array = (values: string) => ({ requirements: { array: { values } } });
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `n${n}`);

t.test('bodies that are not a task', async (t) => {
  const service = await aService(t);
  const cases: Record<string, [Asked, Refusal]> = {
    'half JSON': [{ raw: '{"nonsense":' }, { status: 400, code: 'bad-json' }],
    'not UTF-8': [{ raw: Buffer.from([0x22, 0xff, 0x22]) }, { status: 400, code: 'bad-json' }],
    'a list': [{ body: [] }, field('body')],
    'a word': [{ body: 'task' }, field('body')],
    'no body': [{ method: 'POST' }, field('body')],
    'nothing in it': [{ body: {} }, field('command')],
    'too many bytes': [
      { raw: ' '.repeat(2 * 1024 * 1024 + 1) },
      { status: 413, code: 'too-large' },
    ],
    compressed: [
      { raw: 'x', headers: { 'content-encoding': 'gzip' } },
      { status: 400, code: 'bad-request', field: 'Content-Encoding' },
    ],
  };
  for (const [name, [asked, refusal]] of Object.entries(cases))
    await refused(t, service, name, asked, refusal);
});

t.test('fields of a wrong shape', async (t) => {
  const service = await aService(t);
  const cases: Record<string, [Parameters<typeof aTask>[0], Refusal]> = {
    'cpu a word': [{ requirements: { cpu: 'many' } }, field('requirements.cpu', /number/)],
    'cpu zero': [{ requirements: { cpu: 0 } }, field('requirements.cpu', /at least/)],
    'cpu negative': [{ requirements: { cpu: -1 } }, field('requirements.cpu')],
    'ram huge': [{ requirements: { ram: 1e9 } }, field('requirements.ram', /at most/)],
    'gpus a fraction': [{ requirements: { gpus: 0.5 } }, field('requirements.gpus', /whole/)],
    'port out of range': [
      { requirements: { ports: [80, 70_000] } },
      field('requirements.ports[1]'),
    ],
    'ports too many': [
      { requirements: { ports: many(65).map((_, n) => n + 1) } },
      field('requirements.ports'),
    ],
    'label without ==': [{ requirements: { label: ['ssd'] } }, field('requirements.label[0]')],
    'labels too many': [{ requirements: { label: many(65) } }, field('requirements.label')],
    'name too long': [{ meta: { name: 'n'.repeat(257) } }, field('meta.name')],
    'name with a line end': [{ meta: { name: 'a\nb' } }, field('meta.name', /control/)],
    'tags not a list': [{ meta: { tags: 'galaxy' } }, field('meta.tags')],
    'description too long': [
      { meta: { description: 'd'.repeat(4097) } },
      field('meta.description'),
    ],
    'script missing': [{ command: { cmd: undefined } }, field('command.cmd')],
    'script empty': [{ command: { cmd: '' } }, field('command.cmd')],
    'script with NUL': [{ command: { cmd: 'a\0b' } }, field('command.cmd', /NUL/)],
    'script a number': [{ command: { cmd: 7 } }, field('command.cmd')],
    'acl unknown': [
      { container: { volumes: [{ name: 'home', acl: 'rwx' }] } },
      field('container.volumes[0].acl'),
    ],
    'volume without a name': [{ container: { volumes: [{}] } }, field('container.volumes[0].name')],
    'array backwards': [array('5:1'), field('requirements.array.values', /ends before it begins/)],
    'array without a step': [array('1:5:0'), field('requirements.array.values', /step/)],
    'array of none': [array('0'), field('requirements.array.values', /at least 1 member/)],
    'array of words': [array('many'), field('requirements.array.values', /START:END/)],
    'array of a million and one': [array('1000001'), field('requirements.array.values', /1000000/)],
    'array with an index twice': [array('1:5,3'), field('requirements.array.values', /index 3/)],
    'array with a limit of 0': [array('1:5%0'), field('requirements.array.values', /limit/)],
    'array with two limits': [
      { requirements: { array: { values: '1:5%2', concurrency: 3 } } },
      field('requirements.array.concurrency', /%2/),
    ],
    'limit of no array': [
      { requirements: { array: { values: null, concurrency: 3 } } },
      field('requirements.array.concurrency'),
    ],
    'limit of none': [
      { requirements: { array: { values: '1:5', concurrency: 0 } } },
      field('requirements.array.concurrency'),
    ],
    'no such executor': [{ requirements: { executor: 'slurm' } }, field('requirements.executor')],
    'no such project': [{ more: { user: { project: 'lambda' } } }, field('user.project')],
  };
  for (const [name, [parts, refusal]] of Object.entries(cases))
    await refused(t, service, name, { body: aTask(parts) }, refusal);

  const two = await service.ask('/api/1.0/task', {
    body: aTask({ requirements: { cpu: 'x' }, meta: { name: 7 } }),
  });
  t.match(two.json().msg, /requirements\.cpu .*number/, 'all problems are told at once');
  t.match(two.json().msg, /meta\.name/);
});

t.test('rules of launching again that make no sense, or go too far', async (t) => {
  const service = await aService(t, { settings: { 'retry.max': 4 } });
  const good = { exit_codes: [75], times: 1 };
  const first = 'requirements.retry[0]';
  const cases: Record<string, [unknown, string, RegExp]> = {
    'not a list': [{ times: 1 }, 'requirements.retry', /list/],
    'not a rule': [[75], first, /object/],
    'about nothing': [[{ times: 1 }], first, /neither exit_codes nor out_of_memory/],
    'no number of times': [[{ exit_codes: [75] }], `${first}.times`, /number/],
    never: [[{ ...good, times: 0 }], `${first}.times`, /at least 1/],
    'half a time': [[{ ...good, times: 1.5 }], `${first}.times`, /whole/],
    'code 0 is no failure': [[{ ...good, exit_codes: [0] }], `${first}.exit_codes[0]`, /1 to 255/],
    'a code too high': [[{ ...good, exit_codes: [1, 256] }], `${first}.exit_codes[1]`, /255/],
    'a range backwards': [[{ ...good, exit_codes: ['9-2'] }], `${first}.exit_codes[0]`, /range/],
    'a word': [[{ ...good, exit_codes: ['any'] }], `${first}.exit_codes[0]`, /range/],
    'a pause that is none': [[{ ...good, after: 'soon' }], `${first}.after`, /as in "7d"/],
    'a pause too long': [[{ ...good, after: '2d' }], `${first}.after`, /at most 1d/],
    'less memory': [[{ ...good, memory_factor: 0.5 }], `${first}.memory_factor`, /at least 1/],
    'far too much memory': [[{ ...good, memory_factor: 99 }], `${first}.memory_factor`, /at most/],
    'a bound without growth': [
      [{ ...good, memory_max: 8 }],
      `${first}.memory_max`,
      /memory_factor/,
    ],
    'a bound below the beginning': [
      [good, { out_of_memory: true, times: 1, memory_max: 2 }],
      'requirements.retry[1].memory_max',
      /more than the 2 GB/,
    ],
    'more rules than anybody reads': [Array(17).fill(good), 'requirements.retry', /at most 16/],
    'more launches than the site grants': [
      [good, { ...good, times: 4 }],
      'requirements.retry',
      /asks for 5 launches besides the first, this site grants 4/,
    ],
  };
  for (const [name, [retry, where, says]] of Object.entries(cases))
    await refused(
      t,
      service,
      name,
      { body: aTask({ requirements: { ram: 2, retry } }) },
      field(where, says),
    );
  const odd = { body: aTask({ requirements: { retry: [{ ...good, often: true }] } }) };
  await refused(
    t,
    service,
    'a key that means nothing',
    { ...odd, path: '/api/1.0/task?strict=1' },
    { status: 400, code: 'unknown-field', field: 'requirements.retry[0].often' },
  );
});

t.test('sizes', async (t) => {
  const service = await aService(t);
  const script = aTask({ command: { cmd: 'x'.repeat(1024 * 1024 + 1) } });
  const refusal = { status: 413, code: 'too-large', field: 'command.cmd' };
  await refused(t, service, 'a script of more than 1 MiB', { body: script }, refusal);
  const document = aTask({ more: { status: 'x'.repeat(256 * 1024) } });
  await refused(
    t,
    service,
    'a document of more than 256 KiB',
    { body: document },
    {
      status: 413,
      code: 'too-large',
      field: 'body',
    },
  );
});

t.test('lifespans that are none, or too long here', async (t) => {
  const service = await aService(t, { settings: { maxlifespan_max: '2d' } });
  for (const maxlifespan of ['soon', '1w', '-1', '0', 0, 1.5, true, [1], '3d', 172_801])
    await refused(
      t,
      service,
      `lifespan ${maxlifespan}`,
      { body: aTask({ requirements: { maxlifespan } }) },
      field('requirements.maxlifespan', /s, m, h or d|longer than this site allows: 2d/),
    );
});

t.test('what would run differently from what was asked', async (t) => {
  const service = await aService(t);
  const cases: Record<string, [Parameters<typeof aTask>[0], Refusal]> = {
    storage: [
      { requirements: { tmpstorage: { size: '10G', path: null } } },
      unsupported('requirements.tmpstorage'),
    ],
    uris: [{ requirements: { uris: ['http://example.org'] } }, unsupported('requirements.uris')],
    network: [{ requirements: { network: 'user' } }, unsupported('requirements.network')],
    'another network': [{ requirements: { network: 'other' } }, field('requirements.network')],
    'ports without a network': [
      { requirements: { ports: [80] }, container: { network: false } },
      field('requirements.ports'),
    ],
    'a network of none': [
      { requirements: { network: 'project' }, container: { network: false } },
      field('requirements.network'),
    ],
    queue: [{ requirements: { executor: 'mesos:long:docker' } }, field('requirements.executor')],
    interactive: [{ command: { interactive: true } }, unsupported('command.interactive')],
    root: [{ container: { root: true } }, unsupported('container.root')],
    'somebody else': [
      { more: { user: { id: 'bob' } } },
      { status: 403, code: 'forbidden', field: 'user.id' },
    ],
  };
  for (const [name, [parts, refusal]] of Object.entries(cases))
    await refused(t, service, name, { body: aTask(parts) }, refusal);
});

t.test('networks and GPUs that this site has not', async (t) => {
  const network = { use_cni: true, cni_plugin: 'weave', cni_user_network_name: 'u-$USERID' };
  const named = await aService(t, { settings: { network } });
  const project = { requirements: { network: 'project' } };
  await refused(
    t,
    named,
    'no template',
    { body: aTask(project) },
    unsupported('requirements.network'),
  );
  for (const kind of ['User', 'host', 7, ['user'], { name: 'user' }])
    await refused(
      t,
      named,
      `network ${kind}`,
      { body: aTask({ requirements: { network: kind } }) },
      field('requirements.network', /one of public, user, project/),
    );
  const disabled = await aService(t, { settings: { network: { disabled: true } } });
  const user = { requirements: { network: 'user' } };
  await refused(t, disabled, 'disabled', { body: aTask(user) }, field('requirements.network'));
  const mesos = { master: 'm:5050', unified: true };
  const unified = await aService(t, { settings: { mesos } });
  const none = { container: { network: false } };
  await refused(t, unified, 'no CNI', { body: aTask(none) }, unsupported('container.network'));
  const gpus = { requirements: { gpus: 1 } };
  await refused(t, unified, 'GPUs', { body: aTask(gpus) }, unsupported('requirements.gpus'));
});

t.test('unknown image, unknown volume', async (t) => {
  const settings = { volumes: [{ name: 'db', path: '/nowhere/db' }] };
  const volumes = [
    { name: 'db', acl: 'ro', path: '/nowhere/db', mount: null, isChecked: true },
  ] as const;
  const service = await aService(t, { settings, volumes });
  await refused(
    t,
    service,
    'image',
    { body: aTask({ container: { image: 'nope:1' } }) },
    {
      status: 400,
      code: 'unknown-image',
      field: 'container.image',
      says: /nope:1.*debian:12/,
    },
  );
  const unknown = { status: 400, code: 'unknown-volume', field: 'container.volumes[1].name' };
  await refused(
    t,
    service,
    'volume',
    { body: aTask({ container: { volumes: [{ name: 'go-docker' }, { name: 'omaha' }] } }) },
    { ...unknown, says: /omaha.*no such volume/ },
  );
  await refused(
    t,
    service,
    'volume that is away',
    { body: aTask({ container: { volumes: [{ name: 'db' }] } }) },
    { ...unknown, field: 'container.volumes[0].name', says: /not there/ },
  );
});

const agent = {
  executor: 'mesos',
  host: 'node-1',
  attributes: { storage: 'disk' },
  total: { ...NOTHING, cpuMilli: 2000, memMb: 8000 },
  count: 3,
};

t.test('impossible requirements', async (t) => {
  const service = await aService(t, { deps: { inventory: () => [agent] } });
  const cases: Record<string, [Parameters<typeof aTask>[0], string, RegExp]> = {
    cpus: [
      { requirements: { cpu: 3 } },
      'requirements.cpu',
      /no agent could ever run this: largest has 2 cpus/,
    ],
    memory: [{ requirements: { ram: 8.001 } }, 'requirements.ram', /largest has 8 GB/],
    gpus: [{ requirements: { gpus: 1 } }, 'requirements.gpus', /largest has 0 gpus/],
    label: [{ requirements: { label: ['storage==ssd'] } }, 'requirements.label', /storage==ssd/],
    custom: [
      { requirements: { label: ['resource==fpga', 'resource==fpga'] } },
      'requirements.label',
      /largest has 0 of resource fpga/,
    ],
  };
  for (const [name, [parts, fieldName, says]] of Object.entries(cases))
    await refused(
      t,
      service,
      name,
      { body: aTask(parts) },
      {
        status: 400,
        code: 'impossible-job',
        field: fieldName,
        says,
      },
    );
});

t.test('a site may accept what is impossible today', async (t) => {
  const settings = { refuse_impossible: false };
  const service = await aService(t, { settings, deps: { inventory: () => [agent] } });
  const answer = await service.ask('/api/1.0/task', { body: aTask({ requirements: { cpu: 3 } }) });
  t.equal(answer.statusCode, 200);
  t.match(answer.json().warnings, [{ code: 'impossible', field: 'requirements.cpu' }]);
});

t.test('unknown keys are named, or refused when strict', async (t) => {
  const service = await aService(t);
  const body = aTask({ requirements: { cpus: 2 }, more: { favourite: 1 } });
  await refused(
    t,
    service,
    'strict',
    { path: '/api/1.0/task?strict=1', body },
    {
      status: 400,
      code: 'unknown-field',
      field: 'favourite',
      says: /favourite, requirements\.cpus/,
    },
  );
  const answer = await service.ask('/api/1.0/task', { body });
  t.equal(answer.statusCode, 200);
  t.same(
    answer.json<{ warnings: { field: string }[] }>().warnings.map((one) => one.field),
    ['favourite', 'requirements.cpus'],
  );
});

t.test('ids, paths, methods, tokens', async (t) => {
  const service = await aService(t);
  const get = { method: 'GET' } as const;
  const token = await service.tokenOf('alice');
  const cases: Record<string, [string, Asked, Refusal]> = {
    'id a word': ['/api/1.0/task/seven', get, { status: 400, code: 'bad-id', field: 'id' }],
    'id zero': ['/api/1.0/task/0', get, { status: 400, code: 'bad-id' }],
    'id negative': ['/api/1.0/task/-1/status', get, { status: 400, code: 'bad-id' }],
    'id endless': [`/api/1.0/task/${'9'.repeat(400)}`, get, { status: 400, code: 'bad-id' }],
    'id unknown': ['/api/1.0/task/4711', get, { status: 404, code: 'job-not-found' }],
    'kill unknown': [
      '/api/1.0/task/4711',
      { method: 'DELETE' },
      { status: 404, code: 'job-not-found' },
    ],
    'skip a word': [
      '/api/1.0/task/over/a/1',
      { method: 'POST' },
      { status: 400, code: 'bad-request', field: 'skip' },
    ],
    'broken escape': ['/api/1.0/task/%E0%A4%A', get, { status: 400, code: 'bad-path' }],
    'broken escape elsewhere': ['/%zz', get, { status: 400, code: 'bad-path' }],
    'no such route': ['/api/1.0/nothing', get, { status: 404, code: 'route-not-found' }],
    'no such method': [
      '/api/1.0/task/1',
      { method: 'POST' },
      { status: 405, code: 'method-not-allowed' },
    ],
    'a fixed word is no id': [
      '/api/1.0/task/active',
      { method: 'DELETE' },
      { status: 405, code: 'method-not-allowed' },
    ],
    'no token': ['/api/1.0/task/1', { token: null }, { status: 401, code: 'no-token' }],
    'token nonsense': ['/api/1.0/task/1', { token: 'abc' }, { status: 401, code: 'bad-token' }],
    'token changed': [
      '/api/1.0/task/1',
      { token: `${token}x` },
      { status: 401, code: 'bad-token' },
    ],
    'not admin': ['/api/1.0/task/active/all', get, { status: 403, code: 'forbidden' }],
    'users, not admin': ['/api/1.0/user', get, { status: 403, code: 'forbidden' }],
    'key with spaces': [
      '/api/1.0/task',
      { body: aTask(), headers: { 'idempotency-key': 'a b' } },
      field('Idempotency-Key'),
    ],
  };
  for (const [name, [path, asked, refusal]] of Object.entries(cases))
    await refused(t, service, name, { ...asked, path }, refusal);
  const allow = await service.ask('/api/1.0/task/1', { method: 'POST' });
  t.equal(allow.headers.allow, 'DELETE, GET, HEAD, PUT');
});
