// Which addresses are of the public internet: everything special is not, in every way of writing it.
import t from 'tap';
import { isPublic, networkOf } from '../../src/core/public-address.js';
import { mayCall, webhookFault } from '../../src/core/webhook.js';

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '172.32.0.1',
  '192.169.0.1',
  '100.128.0.1',
  '223.255.255.255',
];
const PUBLIC_SIX = ['2606:4700::1111', '2a01:e0a::1', '2001:4860:4860::8888', '::ffff:8.8.8.8'];
const SPECIAL: readonly string[] = [
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.255'],
  ...[
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.18.0.1',
  ],
  ...['203.0.113.7', '224.0.0.1', '239.1.1.1', '255.255.255.255'],
  ...[
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '64:ff9b::a00:1',
  ],
  ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '::127.0.0.1', '2002:7f00:1::1'],
  ...['2001:db8::1', '2001::1', '3fff::1', '0:0:0:0:0:ffff:0a00:0001'],
  ...[
    '',
    'localhost',
    '1.1.1',
    '1.1.1.256',
    '01.1.1.1.',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    'g::1',
    ':::',
  ],
];

for (const address of [...PUBLIC, ...PUBLIC_SIX])
  t.test(`${address} may be called`, async (t) => t.ok(isPublic(address)));
for (const address of SPECIAL)
  t.test(`"${address}" may not`, async (t) => t.notOk(isPublic(address)));

const RULES = { isOn: true, allowsHttp: false, allow: [] };

const REFUSED: Readonly<Record<string, string>> = {
  'http://example.org/': 'no TLS',
  'ftp://example.org/': 'another scheme',
  'file:///etc/passwd': 'a file',
  'example.org': 'no URL',
  'https://alice:secret@example.org/': 'a login',
  'https://127.0.0.1/': 'loopback',
  'https://2130706433/': 'in decimal',
  'https://0x7f.1/': 'in hexadecimal',
  'https://0177.0.0.1/': 'in octal',
  'https://127.1/': 'shortened',
  'https://[::1]/': 'loopback of six',
  'https://[::ffff:10.0.0.1]/': 'a four in a six',
  'https://[fe80::1]/': 'link-local',
  'https://169.254.169.254/latest/meta-data/': 'metadata',
  'https://①②⑦.⓪.⓪.①/': 'in other digits',
};
for (const [url, why] of Object.entries(REFUSED))
  t.test(`${why}: ${url}`, async (t) => t.type(webhookFault(url, RULES), 'string'));

t.test('what a site allows', async (t) => {
  t.equal(webhookFault('https://example.org/hook?x=1', RULES), undefined);
  t.equal(webhookFault('http://example.org/', { ...RULES, allowsHttp: true }), undefined);
  t.match(webhookFault('https://example.org/', { ...RULES, isOn: false }), /off/);
  const inner = { ...RULES, allow: ['10.1.0.0/16', 'hooks.intern', 'fd00::/8'] };
  t.equal(webhookFault('https://10.1.2.3/', inner), undefined);
  t.type(webhookFault('https://10.2.2.3/', inner), 'string');
  t.ok(mayCall('hooks.intern', '192.168.0.7', inner));
  t.notOk(mayCall('other.intern', '192.168.0.7', inner));
  t.ok(mayCall('x', '::ffff:10.1.0.1', inner), 'a four in a six');
  t.ok(mayCall('x', 'fd12::1', inner));
  t.notOk(mayCall('hooks.intern', 'no address', inner));
});

t.test('networks', async (t) => {
  for (const bad of ['10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', 'x/8', '/8', '10/8'])
    t.equal(networkOf(bad), undefined, bad);
  t.match(networkOf('::1'), { bits: 128 });
});
