import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { gatherWrites } from '../../src/mesos/gathered-writes.js';

/** Notes what reaches the kernel in one piece. */
function aSocket(): { socket: Writable; pieces: string[] } {
  const pieces: string[] = [];
  const socket = new Writable({
    write: (chunk: Buffer, _, done) => {
      pieces.push(String(chunk));
      done();
    },
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }) => String(chunk)).join(''));
      done();
    },
  });
  gatherWrites(socket);
  return { socket, pieces };
}

function send(socket: Writable, head: string, body: string): void {
  socket.cork();
  socket.write(head);
  socket.write(body);
  socket.uncork();
}

t.test('messages of one turn leave in one piece, in their order', async (t) => {
  const { socket, pieces } = aSocket();
  for (const n of [1, 2, 3]) send(socket, `head ${n} `, `body ${n}; `);
  t.same(pieces, [], 'not yet');
  await turn();
  t.same(pieces, ['head 1 body 1; head 2 body 2; head 3 body 3; ']);
  send(socket, 'head 4 ', 'body 4; ');
  await turn();
  t.equal(pieces.length, 2, 'the next turn has a piece of its own');
});

t.test('who waits until something is written goes on within the turn', async (t) => {
  const { socket, pieces } = aSocket();
  socket.cork();
  socket.uncork();
  const answer = (n: number): unknown =>
    n > 3 || socket.write(`answer ${n}; `, () => void answer(n + 1));
  answer(1);
  await turn();
  t.same(pieces, ['answer 1; answer 2; answer 3; ']);
});

t.test('of a socket that nobody holds all is as it was', async (t) => {
  const { socket, pieces } = aSocket();
  const told = await new Promise((done) => socket.write('alone', () => done([...pieces])));
  t.same(told, ['alone']);
});

t.test('who still holds the socket at the end of the turn holds up nobody', async (t) => {
  const { socket, pieces } = aSocket();
  send(socket, 'first ', 'message');
  socket.cork();
  await turn();
  t.same(pieces, ['first message']);
});

t.test('what was written before the end arrives before it', async (t) => {
  const { socket, pieces } = aSocket();
  send(socket, 'last ', 'words');
  await new Promise<void>((done) => socket.end(done));
  t.same(pieces, ['last words']);
});
