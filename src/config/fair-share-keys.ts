/** Keys of the fair share: how past use fades, and what counts how much. */
import type { Reader } from '../contracts/reader.js';
import { duration, type Key, number } from './keys.js';

const weight = (fallback: number, doc: string): Key<number> => number(fallback, { min: 0 }, doc);

/** Of the window, for sites that choose it without a length: the original's sample configuration. */
export const WINDOW_DAYS = 30;

export const FAIRSHARE = {
  'fairshare.usage': {
    doc: 'How past use fades: halved after each half-life, or whole for a window of days and then gone.',
    kind: '`half-life`, `window`',
    shown: '`window` if `user_reset_usage_duration` is set, else `half-life`',
    read: (reader: Reader, path: string) =>
      reader.raw(path) === undefined
        ? null
        : reader.choice(path, ['half-life', 'window'], 'half-life'),
  } satisfies Key<'half-life' | 'window' | null>,
  'fairshare.half_life': duration(604_800_000, 'After this past use counts half; at least `1d`.'),
  'fairshare.advance': duration(
    600_000,
    'A job that runs counts for this time at least, so that a burst cannot slip through.',
  ),
  fairshare_waiting_time_weight: weight(0.1, 'Weight of the time a job has waited.'),
  fairshare_user_time_weight: weight(1, "Weight of the user's used time."),
  fairshare_user_cpu_weight: weight(0.2, "Weight of the user's used cpus."),
  fairshare_user_ram_weight: weight(0.2, "Weight of the user's used memory."),
  fairshare_user_gpu_weight: weight(0.2, "Weight of the user's used GPUs."),
  fairshare_group_time_weight: weight(0.1, "Weight of the project's used time."),
  fairshare_group_cpu_weight: weight(0.01, "Weight of the project's used cpus."),
  fairshare_group_ram_weight: weight(0.01, "Weight of the project's used memory."),
  fairshare_group_gpu_weight: weight(0.01, "Weight of the project's used GPUs."),
  fairshare_user_weight: weight(1, "Weight of the user's priority."),
  user_reset_usage_duration: {
    doc: 'The window: days of past use that count, today among them.',
    kind: 'whole number',
    shown: String(WINDOW_DAYS),
    read: (reader: Reader, path: string) =>
      reader.raw(path) === undefined
        ? null
        : reader.integer(path, WINDOW_DAYS, { min: 1, max: 3_650 }),
  } satisfies Key<number | null>,
  fairshare_group_weight: weight(1, "Weight of the project's priority."),
};
