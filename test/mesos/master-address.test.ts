import t from 'tap';
import { leadingNode, masterAddress, masterTarget } from '../../src/mesos/master-address.js';
import { transcript } from './transcript.js';

t.test('a list of masters', async (t) => {
  t.strictSame(masterAddress('m1:5050, https://m2:5051'), {
    kind: 'list',
    masters: ['http://m1:5050', 'https://m2:5051'],
  });
  t.match(masterAddress('m1:5050,http://m2:5051', 'https'), {
    masters: ['https://m1:5050', 'http://m2:5051'],
  });
});

t.test('masters in ZooKeeper, with and without all that may be left out', async (t) => {
  t.strictSame(masterAddress('zk://god:s3cret@z1:2181,z2,[::1]:2183/site/mesos/'), {
    kind: 'zookeeper',
    zookeeper: {
      servers: [
        { host: 'z1', port: 2181 },
        { host: 'z2', port: 2181 },
        { host: '::1', port: 2183 },
      ],
      path: '/site/mesos',
      credentials: 'god:s3cret',
    },
  });
  t.match(masterAddress('zk://z1/mesos'), { zookeeper: { credentials: null, path: '/mesos' } });
});

for (const text of [
  '',
  ' , ',
  'm1:x',
  'zk://z1:2181',
  'zk://z1:2181/',
  'zk://z1:99999/mesos',
  'zk://z1:2181//mesos',
  'zk:///mesos',
  'zk://z1 z2/mesos',
])
  t.test(`"${text}" is no address`, async (t) => {
    t.throws(() => masterAddress(text), { code: 'bad-field' });
  });

t.test('a refusal does not repeat a password', async (t) => {
  let said = '';
  try {
    masterAddress('zk://god:s3cret@z1');
  } catch (error) {
    said = String(error);
  }
  t.match(said, 'zk://…@z1');
  t.notMatch(said, 's3cret');
});

t.test('the master that registered first leads', async (t) => {
  t.equal(leadingNode([]), undefined);
  t.equal(leadingNode(['log_replicas', 'info_0000000001', 'json.info_x']), undefined);
  t.equal(
    leadingNode(['json.info_0000000010', 'log_replicas', 'json.info_0000000009']),
    'json.info_0000000009',
  );
  // The counter of a node is a signed 32-bit number and wraps.
  t.equal(leadingNode(['json.info_-2147483648', 'json.info_2147483647']), 'json.info_-2147483648');
});

t.test('a recorded node tells where its master answers', async (t) => {
  const data = transcript('zk-ha-node-mesos-1.12.0.json').toString('utf8');
  t.strictSame(masterTarget(data, 'http'), {
    origin: 'http://127.0.0.1:5061',
    path: '/api/v1/scheduler',
  });
  t.equal(masterTarget(data, 'https')?.origin, 'https://127.0.0.1:5061');
});

t.test('odd nodes tell what they can, or nothing', async (t) => {
  const origin = (info: unknown) => masterTarget(JSON.stringify(info), 'http')?.origin;
  t.equal(origin({ address: { ip: '10.0.0.1', port: 5050 } }), 'http://10.0.0.1:5050');
  t.equal(origin({ address: { ip: 'fe80::1', port: 5050 } }), 'http://[fe80::1]:5050');
  t.equal(origin({ hostname: 'm1', port: 5050, ip: 16_777_343 }), 'http://m1:5050');
  t.equal(origin({ hostname: 'm 1', port: 5050 }), undefined);
  t.equal(origin({ hostname: 'm1', port: 0 }), undefined);
  t.equal(origin({ hostname: 'm1', port: '5050' }), undefined);
  t.equal(origin(null), undefined);
  t.equal(masterTarget('\u0001\u0002 a binary MasterInfo', 'http'), undefined);
});
