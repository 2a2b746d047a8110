/** Small messages are written to a socket many at a time: for each of them the kernel would ask more than they are worth. */
import type { Writable } from 'node:stream';

/**
 * From now on the first `uncork` in a turn of the event loop keeps hold of `socket` until the end of that turn: all that is written
 * meanwhile leaves in one piece and in its order. Nothing waits for anything but what is being computed anyway.
 */
export function gatherWrites(socket: Writable): void {
  const uncork = socket.uncork.bind(socket);
  const end = socket.end.bind(socket) as (...given: unknown[]) => Writable;
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
  // A stream that ends while it is held may never notice that it has finished.
  socket.end = (...given: unknown[]) => {
    letGo();
    return end(...given);
  };
}
