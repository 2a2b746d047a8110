// A process that works on a store until it is killed, and tells on its standard output, line by line, what was
// acknowledged. Started by suites: `store-process.js <work|lead|limit N> <file, or address of a MongoDB#database> <name>`.
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ServiceError } from '../../src/contracts/errors.js';
import { SILENT } from '../../src/contracts/log.js';
import type { Store } from '../../src/contracts/store.js';
import type { JobId } from '../../src/core/units.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { aNewJob, launched, pendingJob, stepTo } from './a-job.js';

/** Written before the call returns: what was said survives a kill. */
const say = (...words: readonly unknown[]): void => {
  writeSync(1, `${words.join(' ')}\n`);
};

const CLIENTS = 8;
/** Jobs of one submission: all of them are stored, or none. */
const BATCH = 3;

/** Says why the store refused, and waits a little; anything else ends the process. */
async function despiteTrouble(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (failure) {
    if (!(failure instanceof ServiceError)) throw failure;
    say('trouble', failure.facts.because);
    await pause(20);
  }
}

/** `stored <batch> <id> …` for each submission, `trouble <reason>` for each refusal. */
async function submitForEver(store: Store, name: string, stored: JobId[]): Promise<never> {
  for (let n = 0; ; n++)
    await despiteTrouble(async () => {
      const digest = `${name}-${n}`;
      const script = `echo ${digest}\n`.repeat(50);
      const batch = Array.from({ length: BATCH }, () => aNewJob({ digest, script }));
      const ids = (await store.submit(batch)).map(({ id }) => id);
      say('stored', digest, ...ids);
      stored.push(...ids);
    });
}

/** `launched <id>` for each intent. */
async function launchForEver(store: Store, epoch: number, stored: JobId[]): Promise<never> {
  for (;;) {
    const id = stored.shift();
    if (id === undefined) await pause(1);
    else
      await despiteTrouble(async () => {
        const job = await pendingJob(store, id);
        const [answer] = await store.advance(epoch, [stepTo(job, launched(job))]);
        if (answer?.kind === 'stored') say('launched', id);
      });
  }
}

async function work(store: Store, name: string): Promise<void> {
  const lease = await store.takeLease(name, await store.lease());
  say('ready');
  const stored: JobId[] = [];
  await Promise.all([
    ...Array.from({ length: CLIENTS }, (_, n) => submitForEver(store, `${name}.${n}`, stored)),
    launchForEver(store, lease?.epoch ?? 0, stored),
  ]);
}

/** Submits while another process does, then takes the lease from whoever holds it. */
async function lead(store: Store, name: string): Promise<void> {
  say('ready');
  for (let n = 0; n < 100; n++) {
    const answers = await store.submit([aNewJob({ digest: name }), aNewJob({ digest: name })]);
    say('stored', name, ...answers.map(({ id }) => id));
  }
  const lease = await store.takeLease(name, await store.lease());
  say('lease', lease?.epoch);
  await store.close();
}

/** Submits one to three jobs a call, until the limit of their owner is reached, and on. */
async function limit(store: Store, name: string, user: number): Promise<void> {
  say('ready');
  const client = async (client: number) => {
    for (let n = 0; ; n++)
      await despiteTrouble(async () => {
        const digest = `${name}.${client}-${n}`;
        const jobs = Array.from({ length: 1 + (n % 3) }, () => aNewJob({ digest }));
        const answers = await store.submit(jobs, { user, all: null });
        const [first] = answers;
        if (first?.kind === 'limited') {
          say('limited', first.now);
          await pause(5);
        } else
          say('stored', digest, ...answers.map((one) => ('id' in one ? one.id : 'not stored')));
      });
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)));
}

function open(place: string): Promise<Store> {
  const [url = '', database = ''] = place.split('#');
  return place.startsWith('mongodb:')
    ? openMongoStore({ url, database, log: SILENT })
    : openEmbeddedStore({ path: place, log: SILENT });
}

const [, , mode, place, name, bound] = process.argv;
if (place === undefined || name === undefined)
  throw new Error('usage: <work|lead|limit> <store> <name> [limit]');
const store = await open(place);
if (mode === 'work') await work(store, name);
else if (mode === 'lead') await lead(store, name);
else await limit(store, name, Number(bound));
