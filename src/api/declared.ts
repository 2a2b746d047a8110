/** All declared routes. One that takes fixed words stands before one that takes ids in their place. */
import type { Route } from './route.js';
import { ACCOUNTING_ROUTES } from './routes/accounting.js';
import { ALL_JOBS_ROUTES } from './routes/all-jobs.js';
import { ARCHIVE_ROUTES } from './routes/archive.js';
import { ARRAY_ROUTES } from './routes/arrays.js';
import { AUDIT_ROUTES } from './routes/audit.js';
import { BULK_ROUTES } from './routes/bulk.js';
import { CHANGE_ROUTES } from './routes/changes.js';
import { descriptionRoutes } from './routes/description.js';
import { EVENT_ROUTES } from './routes/events.js';
import { FILE_ROUTES } from './routes/files.js';
import { HEALTH_ROUTES } from './routes/health.js';
import { HISTORY_ROUTES } from './routes/history.js';
import { HOLD_ROUTES } from './routes/holds.js';
import { KEY_ROUTES } from './routes/keys.js';
import { LIST_ROUTES } from './routes/lists.js';
import { LOG_ROUTES } from './routes/logs.js';
import { NODE_ROUTES } from './routes/nodes.js';
import { PROJECT_ROUTES } from './routes/projects.js';
import { PURGE_ROUTES } from './routes/purge.js';
import { QUEUE_ROUTES } from './routes/queues.js';
import { REPLAY_ROUTES } from './routes/replay.js';
import { SERVICE_ROUTES } from './routes/service.js';
import { SESSION_END_ROUTES } from './routes/session-ends.js';
import { SESSION_ROUTES } from './routes/sessions.js';
import { SHARE_ROUTES } from './routes/shares.js';
import { SITE_ROUTES } from './routes/site.js';
import { SUSPENSION_ROUTES } from './routes/suspension.js';
import { TASK_ROUTES } from './routes/tasks.js';
import { TRACE_ROUTES } from './routes/trace.js';
import { UPLOAD_ROUTES } from './routes/uploads.js';
import { USER_REMOVAL_ROUTES } from './routes/user-removal.js';
import { USER_ROUTES } from './routes/users.js';
import { WEBHOOK_ROUTES } from './routes/webhooks.js';
import { WHY_ROUTES } from './routes/why.js';

export const ROUTES: readonly Route[] = [
  ...descriptionRoutes(() => ROUTES),
  ...SESSION_ROUTES,
  ...SESSION_END_ROUTES,
  ...SITE_ROUTES,
  ...NODE_ROUTES,
  ...USER_ROUTES,
  ...WEBHOOK_ROUTES,
  ...KEY_ROUTES,
  ...USER_REMOVAL_ROUTES,
  ...PROJECT_ROUTES,
  ...SHARE_ROUTES,
  ...QUEUE_ROUTES,
  ...LIST_ROUTES,
  ...ALL_JOBS_ROUTES,
  ...HISTORY_ROUTES,
  ...BULK_ROUTES,
  ...TASK_ROUTES,
  ...CHANGE_ROUTES,
  ...SUSPENSION_ROUTES,
  ...REPLAY_ROUTES,
  ...PURGE_ROUTES,
  ...ACCOUNTING_ROUTES,
  ...ARCHIVE_ROUTES,
  ...TRACE_ROUTES,
  ...ARRAY_ROUTES,
  ...HOLD_ROUTES,
  ...WHY_ROUTES,
  ...EVENT_ROUTES,
  ...LOG_ROUTES,
  ...UPLOAD_ROUTES,
  ...FILE_ROUTES,
  ...SERVICE_ROUTES,
  ...AUDIT_ROUTES,
  ...HEALTH_ROUTES,
];
