// An output file told by a real server to the command line; what is not told is left to be read by ranges.
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Client } from '../../src/cli/client.js';
import { LiveLog } from '../../src/cli/live-log.js';
import { lead } from '../api/a-service.js';
import { aStreamServer } from '../api/a-stream-server.js';
import { waitFor } from '../support/waiting.js';

async function aLiveLog(t: Test, options: { readonly isUnknown?: boolean } = {}) {
  const server = await aStreamServer(t);
  const folder = join(server.directory, 'job');
  mkdirSync(folder);
  const id = await server.submit();
  await lead(server, id, 'running', folder);
  const secret = { kind: 'token' as const, token: await server.tokenOf('alice') };
  const login = { server: server.url, user: 'alice', secret, from: 'test' };
  const client = new Client(login, (sentence) => t.comment(sentence));
  const log = new LiveLog({ client, jobId: options.isUnknown ? 4711 : id, name: 'god.log' });
  const got = { bytes: '' };
  const until = (what: string, probe: () => boolean) =>
    waitFor(what, 20_000, async () => {
      await server.time.pass(600);
      return probe();
    });
  const start = (from: number, isHeard = true) =>
    log.start(from, async (offset, bytes) => {
      if (!isHeard) return false;
      got.bytes += `${offset}:${Buffer.from(bytes).toString('latin1')} `;
      return true;
    });
  return { log, got, until, start, file: join(folder, 'god.log') };
}

t.test('what is written is told, from where the reader stands', async (t) => {
  const { log, got, until, start, file } = await aLiveLog(t);
  writeFileSync(file, 'one\n');
  start(2);
  await until('the rest of it', () => got.bytes === '2:e\n ');
  t.ok(log.isLive);
  appendFileSync(file, Buffer.from([0xff, 0x1b]));
  await until('bytes', () => got.bytes === '2:e\n 4:\u00ff\u001b ');
  await log.stop();
  t.notOk(log.isLive);
  t.notOk(log.isBegunAgain);
});

t.test('a file that begins again is left to the reader', async (t) => {
  const { log, got, until, start, file } = await aLiveLog(t);
  writeFileSync(file, 'one\n');
  start(0);
  await until('a line', () => got.bytes !== '');
  truncateSync(file, 0);
  await until('the end', () => !log.isLive);
  t.ok(log.isBegunAgain);
  t.equal(got.bytes, '0:one\n ');
});

t.test('who stands elsewhere is told no more', async (t) => {
  const { log, until, start, file } = await aLiveLog(t);
  writeFileSync(file, 'one\n');
  start(0, false);
  await until('the end', () => !log.isLive);
  t.notOk(log.isBegunAgain);
  await log.stop();
});

t.test('a server that does not tell is no failure', async (t) => {
  const { log, start } = await aLiveLog(t, { isUnknown: true });
  start(0);
  await waitFor('the end', 20_000, () => !log.isLive);
  await log.stop();
});
