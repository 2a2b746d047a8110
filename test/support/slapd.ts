// A real directory: OpenLDAP's slapd from the system's package, with people, groups, and a certificate of its own making.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, type Scope, temporaryFolder } from './places.js';
import { type Background, hasProgram, run, startBackground } from './programs.js';
import { waitFor } from './waiting.js';

const START_MS_MAX = 60_000;
const SCHEMA = '/etc/ldap/schema';

/** Why there is none, for a skip; undefined when one can be started. */
export const slapdMissing = (): string | undefined =>
  hasProgram('slapd') && hasProgram('openssl') && existsSync(`${SCHEMA}/core.schema`)
    ? undefined
    : 'no slapd; npm run test:setup';

export const BASE = 'dc=site,dc=org';
export const READER = { dn: `cn=reader,${BASE}`, password: 'reads all' };

export interface Slapd {
  readonly port: number;
  readonly tlsPort: number;
  /** Of the authority that its certificate comes from, for 127.0.0.1 alone. */
  readonly caFile: string;
  /** Of an authority that nobody here knows. */
  readonly otherCaFile: string;
  stop(): Promise<void>;
  startAgain(): Promise<void>;
  /** Carries out LDIF changes; the server is away meanwhile, and its connections break. */
  change(ldif: string): Promise<void>;
}

const ROOT = { dn: `cn=root,${BASE}`, password: 'root of the directory' };

export async function startSlapd(
  t: Scope,
  { people, isClosed = false }: { readonly people: string; readonly isClosed?: boolean },
): Promise<Slapd> {
  const folder = temporaryFolder(t, 'slapd');
  const [port, tlsPort] = [await freePort(), await freePort()];
  await certificate(folder, 'ca', 'server');
  await certificate(folder, 'other-ca', 'other');
  mkdirSync(join(folder, 'data'));
  const conf = join(folder, 'slapd.conf');
  writeFileSync(conf, configuration(folder, isClosed));
  const ldif = join(folder, 'people.ldif');
  writeFileSync(ldif, `${HEAD}\n${people}\n`);
  await must('slapadd', ['-f', conf, '-l', ldif]);
  const spawn = (): Background =>
    startBackground(
      'slapd',
      ['-d', '0', '-f', conf, '-h', `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${tlsPort}/`],
      { logFile: join(folder, 'log') },
    );
  let server = spawn();
  t.teardown(() => server.kill9());
  const answers = () =>
    waitFor('slapd answers', START_MS_MAX, async () => {
      if (!server.isRunning()) throw new Error(`slapd ended: ${server.lastWords()}`);
      return isListening(port);
    });
  await answers();
  return {
    port,
    tlsPort,
    caFile: join(folder, 'ca.pem'),
    otherCaFile: join(folder, 'other-ca.pem'),
    stop: () => server.kill9(),
    startAgain: async () => {
      server = spawn();
      await answers();
    },
    change: async (text) => {
      const file = join(folder, 'change.ldif');
      writeFileSync(file, text);
      // The package of the server has tools for a server that stands still.
      await server.kill9();
      await must('slapmodify', ['-f', conf, '-l', file]);
      server = spawn();
      await answers();
    },
  };
}

const HEAD = `dn: ${BASE}
objectClass: dcObject
objectClass: organization
o: site
dc: site

dn: ou=People,${BASE}
objectClass: organizationalUnit
ou: People

dn: ou=Groups,${BASE}
objectClass: organizationalUnit
ou: Groups

dn: ${READER.dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: ${READER.password}
`;

const configuration = (folder: string, isClosed: boolean): string => `
${['core', 'cosine', 'nis', 'inetorgperson'].map((name) => `include ${SCHEMA}/${name}.schema`).join('\n')}
attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey'
  EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY
  MAY ( sshPublicKey $ uid ) )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/pid
TLSCACertificateFile ${folder}/ca.pem
TLSCertificateFile ${folder}/server.pem
TLSCertificateKeyFile ${folder}/server.key
database mdb
maxsize 16777216
suffix "${BASE}"
rootdn "${ROOT.dn}"
rootpw "${ROOT.password}"
directory ${folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${READER.dn}" read by * ${isClosed ? 'none' : 'read'}
`;

/** An authority, and a certificate of it for 127.0.0.1. */
async function certificate(folder: string, authority: string, name: string): Promise<void> {
  const at = (file: string) => join(folder, file);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const days = ['-days', '2'];
  await must('openssl', [
    ...['req', '-x509', ...key, ...days, '-subj', `/CN=${authority}`],
    ...['-keyout', at(`${authority}.key`), '-out', at(`${authority}.pem`)],
  ]);
  await must('openssl', [
    ...['req', ...key, '-subj', '/CN=directory', '-keyout', at(`${name}.key`)],
    ...['-out', at(`${name}.csr`)],
  ]);
  writeFileSync(at(`${name}.ext`), 'subjectAltName=IP:127.0.0.1\n');
  await must('openssl', [
    ...['x509', '-req', ...days, '-in', at(`${name}.csr`), '-CA', at(`${authority}.pem`)],
    ...['-CAkey', at(`${authority}.key`), '-CAcreateserial', '-extfile', at(`${name}.ext`)],
    ...['-out', at(`${name}.pem`)],
  ]);
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, args);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`);
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
