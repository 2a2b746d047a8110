/** Whether the service is in maintenance, as web processes know it: at most a second old. */
import { ServiceError } from '../contracts/errors.js';
import { MAINTENANCE_FRESH_MS } from '../contracts/limits.js';
import {
  MAINTENANCE_SETTING,
  type Maintenance,
  readMaintenance,
} from '../contracts/maintenance.js';
import type { JobStore } from '../contracts/store.js';
import type { ApiDeps } from './deps.js';

interface Known {
  readonly maintenance: Maintenance | null;
  readonly atMs: number;
}

const known = new WeakMap<Pick<JobStore, 'setting'>, Known>();

/** @throws ServiceError `maintenance`: no submission is taken */
export async function mustTakeJobs(deps: Pick<ApiDeps, 'store' | 'clock'>): Promise<void> {
  const maintenance = await maintenanceKnown(deps);
  if (maintenance === null) return;
  const why = maintenance.reason === '' ? '' : `: ${maintenance.reason}`;
  throw new ServiceError('maintenance', `the service is in maintenance and takes no jobs${why}`);
}

/** Null: it is not in maintenance, as far as this process knows. */
export async function maintenanceKnown(
  deps: Pick<ApiDeps, 'store' | 'clock'>,
): Promise<Maintenance | null> {
  const nowMs = deps.clock.monotonicMs();
  const latest = known.get(deps.store);
  const isFresh = latest !== undefined && nowMs - latest.atMs < MAINTENANCE_FRESH_MS;
  return isFresh ? latest.maintenance : maintenanceNow(deps);
}

/** As it stands in the store. */
export async function maintenanceNow({
  store,
  clock,
}: Pick<ApiDeps, 'store' | 'clock'>): Promise<Maintenance | null> {
  const maintenance = readMaintenance(await store.setting(MAINTENANCE_SETTING));
  known.set(store, { maintenance, atMs: clock.monotonicMs() });
  return maintenance;
}
