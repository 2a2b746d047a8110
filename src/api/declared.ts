/** All declared routes. One that takes fixed words stands before one that takes ids in their place. */
import type { Route } from './route.js';
import { ARCHIVE_ROUTES } from './routes/archive.js';
import { ARRAY_ROUTES } from './routes/arrays.js';
import { QUEUE_ROUTES } from './routes/queues.js';
import { TASK_ROUTES } from './routes/tasks.js';

export const ROUTES: readonly Route[] = [
  ...QUEUE_ROUTES,
  ...TASK_ROUTES,
  ...ARCHIVE_ROUTES,
  ...ARRAY_ROUTES,
];
