/** What of ldapjs 3 this plugin uses. */
declare module 'ldapjs' {
  import type { EventEmitter } from 'node:events';
  import type { ConnectionOptions } from 'node:tls';

  export interface Attribute {
    readonly type: string;
    readonly values: readonly string[];
  }

  export interface SearchEntry {
    readonly objectName: { toString(): string };
    readonly attributes: readonly Attribute[];
  }

  type Done<Answer> = (error: Error | null, answer: Answer) => void;

  /** Emits `connect`, `connectError`, `connectTimeout`, `error`, `close`. */
  export interface Client extends EventEmitter {
    bind(dn: string, password: string, done: Done<unknown>): void;
    /** `done` gets an emitter of `searchEntry`, `error` and `end`. */
    search(
      base: string,
      options: {
        readonly scope: 'base' | 'one' | 'sub';
        readonly filter: string;
        readonly attributes: readonly string[];
        readonly sizeLimit: number;
      },
      done: Done<EventEmitter>,
    ): void;
    starttls(options: ConnectionOptions, controls: readonly never[], done: Done<unknown>): void;
    unbind(done?: (error?: Error) => void): void;
    destroy(error?: Error): void;
  }

  export function createClient(options: {
    readonly url: string;
    readonly timeout: number;
    readonly connectTimeout: number;
    readonly reconnect: false;
    readonly tlsOptions?: ConnectionOptions;
  }): Client;

  const ldapjs: { readonly createClient: typeof createClient };
  export default ldapjs;
}
