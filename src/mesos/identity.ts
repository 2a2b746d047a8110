/** How our framework presents itself to the master. */
import type { FrameworkInfo, FrameworkInfoCapabilityType } from './messages.js';

export interface FrameworkIdentity {
  /** Account that tasks run as where nothing else says so. The master keeps the first value for ever. */
  readonly user: string;
  readonly name: string;
  /** At least one; `*` is the default role. */
  readonly roles: readonly string[];
  /** Both null on a cluster without authentication. */
  readonly principal: string | null;
  readonly secret: string | null;
  /** What the master keeps of our tasks while we are away. */
  readonly failoverTimeoutMs: number;
  readonly hostname: string | null;
  readonly webuiUrl: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Tasks survive a restart of their agent. The master keeps the first value for ever. Absent: yes. */
  readonly isCheckpointed?: boolean;
  /** Resources of agents with GPUs are ours to use; without, such agents are offered to others. Absent: yes. */
  readonly hasGpus?: boolean;
}

/** Each changes what the master sends; the code above relies on all of them. */
const CAPABILITIES: readonly FrameworkInfoCapabilityType[] = [
  'PARTITION_AWARE',
  'MULTI_ROLE',
  'RESERVATION_REFINEMENT',
  'GPU_RESOURCES',
  'TASK_KILLING_STATE',
];

export function frameworkInfo(identity: FrameworkIdentity): FrameworkInfo {
  const labels = Object.entries(identity.labels).map(([key, value]) => ({ key, value }));
  return {
    user: identity.user,
    name: identity.name,
    failover_timeout: identity.failoverTimeoutMs / 1_000,
    checkpoint: identity.isCheckpointed ?? true,
    ...(identity.hostname === null ? {} : { hostname: identity.hostname }),
    ...(identity.principal === null ? {} : { principal: identity.principal }),
    ...(identity.webuiUrl === null ? {} : { webui_url: identity.webuiUrl }),
    capabilities: CAPABILITIES.filter(
      (type) => type !== 'GPU_RESOURCES' || (identity.hasGpus ?? true),
    ).map((type) => ({ type })),
    ...(labels.length > 0 ? { labels: { labels } } : {}),
    roles: identity.roles,
  };
}
