/** The service's log: one JSON object a line through pino, or short lines for people at a terminal. */
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Facts, Log } from '../contracts/log.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** @param to standard output unless told */
export function openLog({ level, to }: { level: LogLevel; to?: DestinationStream }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err },
    redact: ['password', 'apikey', 'secret', 'token'],
  };
  return wrap(to === undefined ? pino(options) : pino(options, to));
}

const wrap = (logger: Logger): Log => ({
  debug: (message, facts: Facts = {}) => logger.debug(facts, message),
  info: (message, facts: Facts = {}) => logger.info(facts, message),
  warn: (message, facts: Facts = {}) => logger.warn(facts, message),
  error: (message, facts: Facts = {}) => logger.error(facts, message),
  with: (facts) => wrap(logger.child(facts)),
});
