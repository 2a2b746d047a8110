/** Makes every call of the scheduler API as a value. Ids are text here: brands end at this border. */
import type {
  Call,
  FrameworkInfo,
  InverseOffer,
  OfferOperation,
  OperationStatus,
  Request,
  TaskInfo,
} from './messages.js';

interface Named {
  readonly taskId: string;
  /** Name it whenever it is known: masters answer for unknown agents differently. */
  readonly agentId: string | null;
}

interface Executor {
  readonly executorId: string;
  readonly agentId: string;
}

const id = (value: string) => ({ value });
const ids = (values: readonly string[]) => values.map(id);
const agent = (agentId: string | null) => (agentId === null ? {} : { agent_id: id(agentId) });
const filters = (refuseMs: number | null) =>
  refuseMs === null ? {} : { filters: { refuse_seconds: refuseMs / 1_000 } };

/** Opens the event stream. The id stands in both places, or in none for a framework the master shall name. */
export function subscribe(
  framework: FrameworkInfo,
  frameworkId: string | null,
  suppressedRoles: readonly string[] = [],
): Call {
  const named = frameworkId === null ? {} : { id: id(frameworkId) };
  return {
    type: 'SUBSCRIBE',
    ...(frameworkId === null ? {} : { framework_id: id(frameworkId) }),
    subscribe: {
      framework_info: { ...framework, ...named },
      ...(suppressedRoles.length > 0 ? { suppressed_roles: suppressedRoles } : {}),
    },
  };
}

/** Uses up offers of one agent and role. What the operations leave over is offered again after `refuseMs`. */
export function accept(
  frameworkId: string,
  offerIds: readonly string[],
  operations: readonly OfferOperation[],
  refuseMs: number | null,
): Call {
  return {
    framework_id: id(frameworkId),
    type: 'ACCEPT',
    accept: { offer_ids: ids(offerIds), operations, ...filters(refuseMs) },
  };
}

export const launch = (tasks: readonly TaskInfo[]): OfferOperation => ({
  type: 'LAUNCH',
  launch: { task_infos: tasks },
});

/** `refuseMs` null: the master's default of 5 s. */
export const decline = (
  frameworkId: string,
  offerIds: readonly string[],
  refuseMs: number | null,
): Call => ({
  framework_id: id(frameworkId),
  type: 'DECLINE',
  decline: { offer_ids: ids(offerIds), ...filters(refuseMs) },
});

export const acceptInverseOffers = (
  frameworkId: string,
  offers: readonly InverseOffer[],
  refuseMs: number | null,
): Call => ({
  framework_id: id(frameworkId),
  type: 'ACCEPT_INVERSE_OFFERS',
  accept_inverse_offers: {
    inverse_offer_ids: offers.map((offer) => offer.id),
    ...filters(refuseMs),
  },
});

export const declineInverseOffers = (
  frameworkId: string,
  offers: readonly InverseOffer[],
  refuseMs: number | null,
): Call => ({
  framework_id: id(frameworkId),
  type: 'DECLINE_INVERSE_OFFERS',
  decline_inverse_offers: {
    inverse_offer_ids: offers.map((offer) => offer.id),
    ...filters(refuseMs),
  },
});

/** Offers again, forgetting all filters; for all our roles when none is named. */
export const revive = (frameworkId: string, roles: readonly string[] = []): Call => ({
  framework_id: id(frameworkId),
  type: 'REVIVE',
  ...(roles.length > 0 ? { revive: { roles } } : {}),
});

/** No more offers; for all our roles when none is named. Offers held stay ours. */
export const suppress = (frameworkId: string, roles: readonly string[] = []): Call => ({
  framework_id: id(frameworkId),
  type: 'SUPPRESS',
  ...(roles.length > 0 ? { suppress: { roles } } : {}),
});

export const kill = (frameworkId: string, task: Named & { readonly graceMs: number }): Call => ({
  framework_id: id(frameworkId),
  type: 'KILL',
  kill: {
    task_id: id(task.taskId),
    ...agent(task.agentId),
    kill_policy: { grace_period: { nanoseconds: task.graceMs * 1_000_000 } },
  },
});

/** Ends an executor of ours and with it its tasks. */
export const shutdown = (frameworkId: string, executor: Executor): Call => ({
  framework_id: id(frameworkId),
  type: 'SHUTDOWN',
  shutdown: { executor_id: id(executor.executorId), agent_id: id(executor.agentId) },
});

/** `uuid` as the update had it, in base64. */
export const acknowledge = (
  frameworkId: string,
  update: { readonly taskId: string; readonly agentId: string; readonly uuid: string },
): Call => ({
  framework_id: id(frameworkId),
  type: 'ACKNOWLEDGE',
  acknowledge: {
    agent_id: id(update.agentId),
    task_id: id(update.taskId),
    uuid: update.uuid,
  },
});

/** Undefined when the update has no uuid or no operation id: then it must not be acknowledged. */
export function acknowledgeOperationStatus(
  frameworkId: string,
  status: OperationStatus,
): Call | undefined {
  const { operation_id, uuid, agent_id, resource_provider_id } = status;
  if (operation_id === undefined || uuid === undefined) return undefined;
  return {
    framework_id: id(frameworkId),
    type: 'ACKNOWLEDGE_OPERATION_STATUS',
    acknowledge_operation_status: {
      ...(agent_id === undefined ? {} : { agent_id }),
      ...(resource_provider_id === undefined ? {} : { resource_provider_id }),
      uuid: uuid.value,
      operation_id,
    },
  };
}

/** Asks for the state of tasks; of all that the master knows when none is named. */
export const reconcile = (frameworkId: string, tasks: readonly Named[]): Call => ({
  framework_id: id(frameworkId),
  type: 'RECONCILE',
  reconcile:
    tasks.length === 0
      ? {}
      : { tasks: tasks.map((task) => ({ task_id: id(task.taskId), ...agent(task.agentId) })) },
});

export const reconcileOperations = (
  frameworkId: string,
  operations: readonly { readonly operationId: string; readonly agentId: string | null }[],
): Call => ({
  framework_id: id(frameworkId),
  type: 'RECONCILE_OPERATIONS',
  reconcile_operations:
    operations.length === 0
      ? {}
      : {
          operations: operations.map((one) => ({
            operation_id: id(one.operationId),
            ...agent(one.agentId),
          })),
        },
});

/** Bytes for an executor of ours; nothing tells whether they arrive. */
export const message = (frameworkId: string, executor: Executor, data: Uint8Array): Call => ({
  framework_id: id(frameworkId),
  type: 'MESSAGE',
  message: {
    agent_id: id(executor.agentId),
    executor_id: id(executor.executorId),
    data: Buffer.from(data).toString('base64'),
  },
});

/** A hint of what we would like to be offered. Masters of today pass over it. */
export const request = (frameworkId: string, requests: readonly Request[]): Call => ({
  framework_id: id(frameworkId),
  type: 'REQUEST',
  request: { requests },
});

/** Changes roles, labels and the like without a new subscription (Mesos 1.9 and later). */
export const updateFramework = (
  frameworkId: string,
  framework: FrameworkInfo,
  suppressedRoles: readonly string[] = [],
): Call => ({
  framework_id: id(frameworkId),
  type: 'UPDATE_FRAMEWORK',
  update_framework: {
    framework_info: { ...framework, id: id(frameworkId) },
    ...(suppressedRoles.length > 0 ? { suppressed_roles: suppressedRoles } : {}),
  },
});

/** Ends all tasks and the framework, for ever: its id can never subscribe again. */
export const teardown = (frameworkId: string): Call => ({
  framework_id: id(frameworkId),
  type: 'TEARDOWN',
});
