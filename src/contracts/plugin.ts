/**
 * What a plugin is: one file, one default export, one contract. It gets its options already parsed and a `Host` with
 * the few things it may touch; it sees no configuration of others, no store, no global. A bad plugin stops the boot
 * with its name. A plugin outside the project imports types from here only, so nothing has to be resolved at run time.
 */
import type { Policy } from '../core/policy.js';
import type { Authenticator, SiteVolume } from './auth.js';
import type { Clock, Random, Timers } from './clock.js';
import type { Cluster, ClusterMemory } from './cluster.js';
import type { Log } from './log.js';
import type { Presence } from './presence.js';
import type { FileStorage } from './storage.js';
import type { UserRecord } from './store.js';
import type { Watcher } from './watcher.js';

/** Left: the word the operator writes in the configuration. Right: the contract behind it. */
export interface Contracts {
  readonly auth: Authenticator;
  readonly scheduler: QueuePolicy;
  readonly executor: Cluster;
  readonly watcher: Watcher;
  readonly storage: FileStorage;
  /** An outside registry in which processes tell of themselves. */
  readonly status: Presence;
  readonly network: NetworkNames;
}

export type PluginKind = keyof Contracts;

export const PLUGIN_KINDS: readonly PluginKind[] = [
  'auth',
  'scheduler',
  'executor',
  'watcher',
  'storage',
  'status',
  'network',
];

export interface Plugin<Kind extends PluginKind, Options> {
  readonly kind: Kind;
  /** The word in the configuration and in the file name, `<kind>-<name>.js`. */
  readonly name: string;
  /** Parses the plugin's own options; every problem goes into the reader, none is thrown. */
  readonly options: (raw: OptionReader) => Options;
  readonly create: (options: Options, host: Host) => Contracts[Kind];
}

/** Identity at run time; at compile time it ties `kind` to its contract and `options` to `create`. */
export const definePlugin = <Kind extends PluginKind, Options>(
  plugin: Plugin<Kind, Options>,
): Plugin<Kind, Options> => plugin;

/**
 * Reads the plugin's options. Each method returns the value, or `fallback` when the key is absent or wrong; what is
 * wrong is gathered and stops the boot. A key that nobody read is a problem too.
 */
export interface OptionReader {
  text(key: string, fallback: string): string;
  optionalText(key: string): string | null;
  /** A password or token: the option, or what the file holds that the option `<key>_file` names. */
  secret(key: string): string | null;
  choice<const Word extends string>(key: string, words: readonly Word[], fallback: Word): Word;
  flag(key: string, fallback: boolean): boolean;
  integer(key: string, fallback: number, range?: { min?: number; max?: number }): number;
  number(key: string, fallback: number, range?: { min?: number; max?: number }): number;
  /** Milliseconds out of `7d`, `12h`, `30m`, `90s`; a bare number is seconds. */
  duration(key: string, fallbackMs: number): number;
  /** A list, or words separated by commas. */
  words(key: string, fallback: readonly string[]): readonly string[];
  /** Something that no method above can find out. */
  problem(key: string, found: unknown, wanted: string): void;
}

/** All a plugin may touch. */
export interface Host {
  /** Carries the plugin's kind and name in every line. */
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Accounts kept here. */
  readonly users: Users;
  /** Directories that the site offers to jobs. */
  readonly volumes: readonly SiteVolume[];
  /** One durable text of the plugin's own; an executor keeps its framework id there. */
  readonly memory: ClusterMemory;
}

/** The narrow view of the accounts that plugins get. */
export interface Users {
  user(login: string): Promise<UserRecord | undefined>;
  /** One step, as `UserStore.changeUser`: for who keeps accounts of a directory here. */
  change(
    login: string,
    how: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined>;
  /** The same password in another form; nothing if the account has another one by now. */
  replaceHash(
    login: string,
    hash: { readonly former: string; readonly next: string },
  ): Promise<void>;
}

/** The ordering rule in force: pure, so that a plugin of the site's own can be tried on a recorded queue. */
export type QueuePolicy = Policy;

/** Real names of the networks that users ask for by word (`public`, `user`, `project`). */
export interface NetworkNames {
  nameOf(asked: string, user: string): string | undefined;
}
