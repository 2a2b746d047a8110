/** Where daemons write. The message is constant text; what varies goes into `facts`. */
export type Facts = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** A log whose lines all carry `facts`. */
  with(facts: Facts): Log;
}

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };
