/** All declared routes. One that takes fixed words stands before one that takes ids in their place. */
import type { Route } from './route.js';
import { ALL_JOBS_ROUTES } from './routes/all-jobs.js';
import { ARCHIVE_ROUTES } from './routes/archive.js';
import { ARRAY_ROUTES } from './routes/arrays.js';
import { HISTORY_ROUTES } from './routes/history.js';
import { QUEUE_ROUTES } from './routes/queues.js';
import { REPLAY_ROUTES } from './routes/replay.js';
import { SUSPENSION_ROUTES } from './routes/suspension.js';
import { TASK_ROUTES } from './routes/tasks.js';

export const ROUTES: readonly Route[] = [
  ...QUEUE_ROUTES,
  ...ALL_JOBS_ROUTES,
  ...TASK_ROUTES,
  ...SUSPENSION_ROUTES,
  ...REPLAY_ROUTES,
  ...HISTORY_ROUTES,
  ...ARCHIVE_ROUTES,
  ...ARRAY_ROUTES,
];
