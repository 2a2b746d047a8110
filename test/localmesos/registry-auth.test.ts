import t from 'tap';
import { registryAuth, registryOf } from '../../src/localmesos/registry-auth.js';

t.test('the registry of an image', async (t) => {
  const hub = 'https://index.docker.io/v1/';
  const cases: Record<string, string> = {
    debian: hub,
    'debian:12': hub,
    'bio/bwa:1': hub,
    'quay.io/bio/bwa': 'quay.io',
    'localhost/x': 'localhost',
    '127.0.0.1:5000/x@sha256:00': '127.0.0.1:5000',
  };
  for (const [image, registry] of Object.entries(cases)) t.equal(registryOf(image), registry);
});

t.test('only the credentials of that registry, passwords with colons too', async (t) => {
  const auth = Buffer.from('anna:se:cret').toString('base64');
  const file = Buffer.from(JSON.stringify({ auths: { 'https://r.site': { auth } } }));
  const header = registryAuth(file, 'r.site/team/x:1') ?? '';
  t.equal(header.length % 4, 0, 'padded: the daemon passes over what is not');
  t.strictSame(JSON.parse(Buffer.from(header, 'base64url').toString()), {
    username: 'anna',
    password: 'se:cret',
    serveraddress: 'r.site',
  });
  t.equal(registryAuth(file, 'other.site/x'), undefined);
  t.equal(registryAuth(Buffer.from('{}'), 'r.site/x'), undefined);
});

t.test('what cannot be read is said without quoting it', async (t) => {
  for (const text of ['{"auths": secret', '{"auths":{"r.site":{"auth":"c2VjcmV0"}}}'])
    t.throws(
      () => registryAuth(Buffer.from(text), 'r.site/x'),
      { message: /^(?!.*secret)the credentials/ },
      text,
    );
});
