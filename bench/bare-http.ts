// A client that costs next to nothing: one connection, the same request again and again, nothing read of an answer but its status and
// its end. A load generator that computes as much as the server would be half of what is measured.
import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

export class BareHttp {
  readonly #socket: Socket;
  readonly #request: Buffer;
  #read = '';
  #settle: ((status: number) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(
    url: string,
    { path, body, authorization }: { path: string; body: unknown; authorization: string },
  ) {
    const { hostname, port, host } = new URL(url);
    const text = JSON.stringify(body);
    const head = [
      `POST ${path} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: ${authorization}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(text)}`,
    ];
    this.#request = Buffer.from(`${head.join('\r\n')}${HEAD_END}${text}`);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail?.(error));
    this.#socket.on('close', () => this.#fail?.(new Error('the server closed the connection')));
  }

  /** Sends the request; the status of its answer, once all of that is here. */
  ask(): Promise<number> {
    return new Promise((settle, fail) => {
      this.#settle = settle;
      this.#fail = fail;
      this.#socket.write(this.#request);
    });
  }

  #take(chunk: string): void {
    this.#read += chunk;
    const end = this.#read.indexOf(HEAD_END);
    if (end === -1) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#read.slice(0, end))?.[1];
    if (length === undefined) {
      this.#fail?.(new Error('an answer without a length'));
      return;
    }
    if (this.#read.length < end + HEAD_END.length + Number(length)) return;
    const status = Number(this.#read.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3));
    this.#read = '';
    this.#settle?.(status);
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }
}
