/** The certificate of the web server: what must hold of the two files before anybody is shown them. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { ServiceError } from '../contracts/errors.js';
import { type Instant, instant } from '../core/units.js';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Both files as they were read, PEM. */
export interface CertificateTexts {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that clients can be shown. */
export interface Certificate extends CertificateTexts {
  /** When the first of its chain ends. */
  readonly expiresAt: Instant;
  /** SHA-256 of the server's own certificate, as browsers show it. */
  readonly fingerprint: string;
}

type Field = 'tls.cert' | 'tls.key';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What TLS is spoken with; all of it each time, for a new certificate would reset what is left out. */
export const tlsOptions = ({ cert, key }: CertificateTexts) =>
  ({ cert, key, minVersion: 'TLSv1.2' }) as const;

/**
 * Of a chain each certificate must be in force, and the key must be that of the first.
 * @throws ServiceError `bad-field` with the key of the configuration, the file and what is wrong with it
 */
export function checkedCertificate(
  { certFile, keyFile }: CertificateFiles,
  texts: CertificateTexts,
  at: Instant,
): Certificate {
  const chain = chainOf(certFile, texts.cert);
  const [first] = chain;
  if (first === undefined) throw refusal('tls.cert', certFile, 'has no certificate in PEM');
  for (const one of chain) {
    const whose = one === first ? '' : `in the chain, ${oneLine(one.subject)} `;
    const refuse = (what: string) => refusal('tls.cert', certFile, `${whose}${what}`);
    const [from, to] = [new Date(one.validFrom), new Date(one.validTo)];
    if (to.getTime() <= at) throw refuse(`expired on ${to.toISOString()}`);
    if (from.getTime() > at) throw refuse(`is not valid before ${from.toISOString()}`);
  }
  if (!first.checkPrivateKey(keyOf(keyFile, texts.key)))
    throw refusal('tls.key', keyFile, `is not the key of the certificate in ${certFile}`);
  try {
    createSecureContext(tlsOptions(texts));
  } catch (cause) {
    // Keys too short for the system's rules, for example.
    throw refusal('tls.cert', certFile, `cannot be used: ${(cause as Error).message}`, cause);
  }
  return {
    ...texts,
    expiresAt: instant(Math.min(...chain.map(({ validTo }) => Date.parse(validTo)))),
    fingerprint: first.fingerprint256,
  };
}

/** The refusal of a file that cannot be read. */
export const unreadable = (field: Field, file: string, cause: unknown): ServiceError =>
  refusal(field, file, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);

function chainOf(file: string, pem: string): readonly X509Certificate[] {
  try {
    return (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
  } catch (cause) {
    throw refusal('tls.cert', file, 'has a certificate that is broken', cause);
  }
}

function keyOf(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw refusal('tls.key', file, 'has no private key in PEM without a passphrase', cause);
  }
}

const oneLine = (subject: string): string => subject.replaceAll('\n', ', ');

const refusal = (field: Field, file: string, what: string, cause?: unknown): ServiceError =>
  new ServiceError('bad-field', `${field}: ${file} ${what}`, { field }, { cause });
