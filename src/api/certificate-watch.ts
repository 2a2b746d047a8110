/** Keeps the certificate of a running server that of its files: a new one is for new connections, those that are open go on. */
import { readFile } from 'node:fs/promises';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import type { Log } from '../contracts/log.js';
import {
  type Certificate,
  type CertificateFiles,
  type CertificateTexts,
  checkedCertificate,
  unreadable,
} from './certificate.js';

/** How often the files are read: a few kilobytes, and links to them may change instead of themselves. */
const LOOK_MS = 10_000;
const DAY_MS = 86_400_000;
/** Certificates of a month are renewed ten days before their end: what is nearer than a week was forgotten. */
const ENDS_SOON_MS = 7 * DAY_MS;

export interface CertificatePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** @throws ServiceError as `checkedCertificate` */
export async function readCertificate(files: CertificateFiles, clock: Clock): Promise<Certificate> {
  return checkedCertificate(files, await textsOf(files), clock.now());
}

export class CertificateWatch {
  readonly #files: CertificateFiles;
  readonly #ports: CertificatePorts;
  /** Shows clients another one from now on. */
  readonly #use: (certificate: Certificate) => void;
  #inForce: Certificate;
  /** What the files held at the last look, refused or not. */
  #seen: CertificateTexts;
  /** Why the files are not in force; null: they are. */
  #refused: ServiceError | null = null;
  #timer: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(
    files: CertificateFiles,
    first: Certificate,
    use: (certificate: Certificate) => void,
    ports: CertificatePorts,
  ) {
    this.#files = files;
    this.#inForce = first;
    this.#seen = first;
    this.#use = use;
    this.#ports = ports;
  }

  start(): void {
    const again = (): void => {
      this.#timer = this.#ports.timers.after(LOOK_MS, () => void this.#look(false).then(again));
    };
    again();
  }

  /** As on SIGHUP: the files are read now. What is wrong with them is in the log, and what was in force stays. */
  reload(): Promise<void> {
    return this.#look(true);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** What an administrator should know of it. Anybody may read it: names of files are in the log alone. */
  warnings(): readonly string[] {
    const field = this.#refused?.facts.field;
    const said =
      field === undefined
        ? []
        : [`${field}: what is there now was not taken, see the log; the former one stays in force`];
    const leftMs = this.#inForce.expiresAt - this.#ports.clock.now();
    if (leftMs > ENDS_SOON_MS) return said;
    const end = new Date(this.#inForce.expiresAt).toISOString();
    const verb = leftMs > 0 ? 'ends' : 'ended';
    return [...said, `tls.cert: the certificate in force ${verb} on ${end}`];
  }

  /** One look after the other. @param isAsked somebody says that both files are complete */
  #look(isAsked: boolean): Promise<void> {
    const look = this.#looking.then(async () => {
      if (this.#isStopped) return;
      try {
        await this.#compare(isAsked);
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        this.#refuse(error);
      }
    });
    this.#looking = look;
    return look;
  }

  async #compare(isAsked: boolean): Promise<void> {
    const texts = await textsOf(this.#files);
    const isSettled = isSame(texts, this.#seen);
    this.#seen = texts;
    if (isSame(texts, this.#inForce)) {
      this.#refused = null;
      return;
    }
    // Two files never change at once: without being asked, only what stands still is taken.
    if (!isSettled && !isAsked) return;
    const next = checkedCertificate(this.#files, texts, this.#ports.clock.now());
    this.#use(next);
    this.#inForce = next;
    this.#refused = null;
    const { fingerprint, expiresAt } = next;
    const facts = { fingerprint, expiresAt: new Date(expiresAt).toISOString() };
    this.#ports.log.info('a new certificate is in force', facts);
  }

  /** Said once, and again when it is another reason. */
  #refuse(refused: ServiceError): void {
    const { message: because } = refused;
    if (because !== this.#refused?.message)
      this.#ports.log.error('the certificate was not taken, the former one stays in force', {
        because,
      });
    this.#refused = refused;
  }
}

async function textsOf({ certFile, keyFile }: CertificateFiles): Promise<CertificateTexts> {
  const text = (field: 'tls.cert' | 'tls.key', file: string) =>
    readFile(file, 'utf8').catch((cause: unknown) => {
      throw unreadable(field, file, cause);
    });
  const [cert, key] = await Promise.all([text('tls.cert', certFile), text('tls.key', keyFile)]);
  return { cert, key };
}

const isSame = (one: CertificateTexts, other: CertificateTexts): boolean =>
  one.cert === other.cert && one.key === other.key;
