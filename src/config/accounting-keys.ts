/** Keys of watchers, and of the prices that turn use into a bill. */
import { NAME_CHARS_MAX } from '../contracts/limits.js';
import type { Reader } from '../contracts/reader.js';
import type { PriceList, Prices } from '../core/bill.js';
import { duration, items, number, text, words } from './keys.js';
import type { Values } from './schema.js';

export const WATCHING = {
  watchers: words(
    [],
    'Plugins that are asked about each job that runs, and may have it ended: `maxlifespan`, or plugins of yours.',
  ),
  watch_every: duration(10_000, 'How often each is asked about each job; at least `1s`.'),
};

const price = (what: string) =>
  number(0, { min: 0 }, `Price of ${what} for one hour, in \`prices.currency\`.`);

export const ACCOUNTING = {
  'prices.currency': text('EUR', 'Printed beside amounts; nothing is converted.'),
  'prices.cpu_hour': price('one cpu'),
  'prices.mem_gb_hour': price('one GB of memory (1000 MB)'),
  'prices.gpu_hour': price('one GPU'),
  'prices.queues': items(
    readQueuePrices,
    'list of {queue, cpu_hour, mem_gb_hour, gpu_hour}',
    'Prices of launches in a queue; what is left out costs as it does elsewhere.',
  ),
};

/** Null: as elsewhere. */
export interface QueuePrices {
  readonly queue: string;
  readonly cpuHour: number | null;
  readonly memGbHour: number | null;
  readonly gpuHour: number | null;
}

function readQueuePrices(item: Reader): QueuePrices | undefined {
  const queue = item.optionalText('queue');
  const own = {
    cpuHour: item.optionalNumber('cpu_hour', { min: 0 }),
    memGbHour: item.optionalNumber('mem_gb_hour', { min: 0 }),
    gpuHour: item.optionalNumber('gpu_hour', { min: 0 }),
  };
  if (queue !== null && queue.length <= NAME_CHARS_MAX) return { queue, ...own };
  item.problem('queue', item.raw('queue'), 'the name of a queue, also of one that was');
  return undefined;
}

export function pricesOf(values: Values): PriceList {
  const usual: Prices = {
    cpuHour: values['prices.cpu_hour'],
    memGbHour: values['prices.mem_gb_hour'],
    gpuHour: values['prices.gpu_hour'],
  };
  return {
    currency: values['prices.currency'],
    ...usual,
    queues: values['prices.queues'].map(({ queue, cpuHour, memGbHour, gpuHour }) => ({
      queue,
      cpuHour: cpuHour ?? usual.cpuHour,
      memGbHour: memGbHour ?? usual.memGbHour,
      gpuHour: gpuHour ?? usual.gpuHour,
    })),
  };
}

export function checkWatching(values: Values, reader: Reader): void {
  const { watch_every: eachMs, watchers } = values;
  if (eachMs < 1_000) reader.problem('watch_every', reader.raw('watch_every'), 'at least 1s');
  if (new Set(watchers).size < watchers.length)
    reader.problem('watchers', watchers, 'each watcher once');
  const priced = values['prices.queues'].map(({ queue }) => queue);
  if (new Set(priced).size < priced.length)
    reader.problem('prices.queues', priced, 'each queue once');
}
