/** Small messages are written to a socket many at a time: for each of them the kernel would ask more than they are worth. */
import type { Writable } from 'node:stream';

type Write = (...given: unknown[]) => boolean;

/**
 * From now on the first `uncork` in a turn of the event loop keeps hold of `socket` until the end of that turn: all that is written
 * meanwhile leaves in one piece and in its order. Nothing waits for anything but what is being computed anyway. Who asks to be told
 * when something is written is told within the turn: a server that has answered one of several calls goes on with the next
 * only then. That the connection broke is told by its own events.
 */
export function gatherWrites(socket: Writable): void {
  const uncork = socket.uncork.bind(socket);
  const end = socket.end.bind(socket) as (...given: unknown[]) => Writable;
  const write = socket.write.bind(socket) as Write;
  let due: NodeJS.Immediate | undefined;
  const letGo = () => {
    clearImmediate(due);
    due = undefined;
    while (socket.writableCorked > 0) uncork();
  };
  socket.uncork = () => {
    if (due === undefined) due = setImmediate(letGo);
    // Others let go of their own hold, never of ours.
    else if (socket.writableCorked > 1) uncork();
  };
  socket.write = ((...given) => {
    const told = given.at(-1);
    if (typeof told !== 'function' || socket.writableCorked === 0) return write(...given);
    process.nextTick(told);
    return write(...given.slice(0, -1));
  }) satisfies Write;
  // A stream that ends while it is held may never notice that it has finished.
  socket.end = (...given: unknown[]) => {
    letGo();
    return end(...given);
  };
}
