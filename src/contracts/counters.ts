/** What is counted for operators, as a port: the service makes metrics of it, tests a list. */

/** Names and meanings. In /metrics they are `godocker_mesos_<name>_total`. */
export const MESOS_COUNTERS = {
  subscriptions: 'Subscriptions that a master has confirmed',
  disconnections: 'Streams, and attempts at one, that came to an end',
  streams_broken: 'Streams given up because their framing was broken',
  events_unreadable: 'Events that could not be read, or lacked what they must say',
  offers_unreadable: 'Offers that could not be read; the other offers of their event were used',
  events_unknown: 'Events of a type that this version does not know',
  resources_odd: 'Resources in offers that were left unused because they make no sense',
  attributes_odd: 'Attributes of agents without a usable value, or given twice',
  windows_odd: 'Maintenance windows without a usable start; they count as begun',
  calls_refused: 'Calls that a master refused',
  calls_in_doubt: 'Calls without an answer',
} as const;

export type MesosCounter = keyof typeof MESOS_COUNTERS;

export interface MesosCounters {
  count(what: MesosCounter): void;
}

export const UNCOUNTED: MesosCounters = { count() {} };
