// Certificates as an authority of ours gives them, by the system's openssl.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Scope, temporaryFolder } from './places.js';
import { hasProgram, run } from './programs.js';

/** Why there are none, for a skip; undefined when they can be made. */
export const opensslMissing = (): string | undefined =>
  hasProgram('openssl') ? undefined : 'no openssl';

/** PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM; what clients trust. */
  readonly ca: string;
  /** A certificate for 127.0.0.1; as `openssl x509` takes dates, `20200101000000Z`, from and to. */
  make(name: string, validity?: readonly [from: string, to: string]): Promise<Pair>;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function anAuthority(t: Scope): Promise<Authority> {
  const folder = temporaryFolder(t, 'certificates');
  const at = (file: string) => join(folder, file);
  await must([
    ...['req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=authority'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  ]);
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('ca.conf'), configuration(folder));
  const make = async (
    name: string,
    [from, to]: readonly [string, string] = ['20200101000000Z', '20991231000000Z'],
  ): Promise<Pair> => {
    await must([
      ...['req', ...KEY, '-subj', `/CN=${name}`],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)],
    ]);
    // Of all its commands this one takes dates of the past.
    await must([
      ...['ca', '-batch', '-config', at('ca.conf'), '-notext'],
      ...['-startdate', from, '-enddate', to, '-in', at(`${name}.csr`), '-out', at(`${name}.pem`)],
    ]);
    const read = (ending: string) => readFileSync(at(`${name}.${ending}`), 'utf8');
    return { cert: read('pem'), key: read('key') };
  };
  return { ca: readFileSync(at('ca.pem'), 'utf8'), make };
}

const configuration = (folder: string): string => `
[ca]
default_ca = ours
[ours]
database = ${folder}/index.txt
new_certs_dir = ${folder}
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
subjectAltName = IP:127.0.0.1
`;

async function must(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} ended with ${code}: ${stderr}`);
}
