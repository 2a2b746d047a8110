import type { Test } from 'tap';
import { main } from '../../src/cli/main.js';
import { FAKE_KEY, FakeServer } from './fake-server.js';
import { FakeTerminal } from './fake-terminal.js';

/** A server, a terminal with a login to it, and `god` to type words into. */
export async function setUp(t: Test) {
  const server = new FakeServer();
  const url = await server.start();
  t.teardown(() => server.stop());
  const terminal = new FakeTerminal(t.testdir(), {
    GOD_SERVER: url,
    GOD_USER: 'ada',
    GOD_APIKEY: FAKE_KEY,
  });
  const lines = (pattern: RegExp) => server.requests.filter(({ line }) => pattern.test(line));
  return { server, url, terminal, lines, god: (...words: string[]) => main(words, terminal) };
}

export const ran = (exitcode: number, log = '', err = '') =>
  [
    { primary: 'pending' },
    { primary: 'running', log, err },
    { primary: 'over', exitcode },
  ] as const;
