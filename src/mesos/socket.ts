/** A plain TCP connection as a port: the tests and the simulation replace it. */
import { connect } from 'node:net';

export interface SocketListener {
  opened(): void;
  bytes(chunk: Buffer): void;
  /** Called once, also when no connection came about; nothing follows. */
  ended(because: string): void;
}

export interface Connection {
  send(bytes: Buffer): void;
  /** Sends what is given to `send` before, if it goes at once; the listener hears nothing any more. */
  close(): void;
}

/** Opens a connection. The listener hears nothing before this returns. */
export type Dial = (
  to: { readonly host: string; readonly port: number },
  listener: SocketListener,
) => Connection;

export const dialTcp: Dial = ({ host, port }, listener) => {
  const socket = connect({ host, port });
  let isOver = false;
  let because = 'the other side closed the connection';
  socket.setNoDelay(true);
  socket.on('connect', () => {
    if (!isOver) listener.opened();
  });
  socket.on('data', (chunk) => {
    if (!isOver) listener.bytes(chunk);
  });
  socket.on('error', (error) => {
    because = error.message;
  });
  socket.on('close', () => {
    if (isOver) return;
    isOver = true;
    listener.ended(because);
  });
  return {
    send: (bytes) => {
      if (!isOver) socket.write(bytes);
    },
    close: () => {
      isOver = true;
      socket.destroySoon();
    },
  };
};
