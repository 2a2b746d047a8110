/** Small messages are written to a socket many at a time: for each of them the kernel would ask more than they are worth. */
import type { Writable } from 'node:stream';

/**
 * From now on the first `uncork` in a turn of the event loop keeps hold of `socket` until the end of that turn: all that is written
 * meanwhile leaves in one piece and in its order. Nothing waits for anything but what is being computed anyway.
 */
export function gatherWrites(socket: Writable): void {
  const uncork = socket.uncork.bind(socket);
  let isDue = false;
  socket.uncork = () => {
    if (isDue) {
      // Others let go of their own hold, never of ours.
      if (socket.writableCorked > 1) uncork();
      return;
    }
    isDue = true;
    setImmediate(() => {
      isDue = false;
      while (socket.writableCorked > 0) uncork();
    });
  };
}
