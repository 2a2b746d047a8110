import t from 'tap';
import * as calls from '../../src/mesos/calls.js';
import {
  BadMessage,
  decodeCall,
  encodeCall,
  JSON_TYPE,
  type MediaType,
  PROTOBUF_TYPE,
} from '../../src/mesos/codec.js';
import type { Call } from '../../src/mesos/messages.js';
import { records, transcript } from './transcript.js';

const recorded = records(transcript('calls-json-mesos-1.12.0.recordio')).map((bytes) =>
  decodeCall(bytes, JSON_TYPE),
);

const agentOf = (message: { readonly agent_id?: { readonly value: string } }) =>
  message.agent_id?.value ?? null;
const refuseOf = (message: { readonly filters?: { readonly refuse_seconds?: number } }) =>
  message.filters?.refuse_seconds === undefined ? null : message.filters.refuse_seconds * 1_000;
const idsOf = (ids: readonly { readonly value: string }[] | undefined) =>
  (ids ?? []).map(({ value }) => value);

/** The same call made by us, or undefined where the recording makes one that we never make. */
function remade(call: Call): Call | undefined {
  const framework = call.framework_id?.value;
  if (call.subscribe !== undefined) {
    const { framework_info, suppressed_roles } = call.subscribe;
    const { id, ...info } = framework_info;
    if (id?.value !== framework) return undefined;
    return calls.subscribe(info, framework ?? null, suppressed_roles);
  }
  if (framework === undefined) return undefined;
  const { accept, decline, revive, suppress, shutdown, acknowledge, reconcile, message } = call;
  if (accept?.offer_ids !== undefined && accept.operations !== undefined)
    return calls.accept(framework, idsOf(accept.offer_ids), accept.operations, refuseOf(accept));
  if (decline !== undefined)
    return calls.decline(framework, idsOf(decline.offer_ids), refuseOf(decline));
  if (call.type === 'REVIVE' && revive?.roles !== undefined)
    return calls.revive(framework, revive.roles);
  if (call.type === 'REVIVE' && revive === undefined) return calls.revive(framework);
  if (call.type === 'SUPPRESS' && suppress?.roles !== undefined)
    return calls.suppress(framework, suppress.roles);
  if (call.type === 'SUPPRESS' && suppress === undefined) return calls.suppress(framework);
  if (shutdown !== undefined)
    return calls.shutdown(framework, {
      executorId: shutdown.executor_id.value,
      agentId: shutdown.agent_id.value,
    });
  if (acknowledge !== undefined)
    return calls.acknowledge(framework, {
      taskId: acknowledge.task_id.value,
      agentId: acknowledge.agent_id.value,
      uuid: acknowledge.uuid,
    });
  if (reconcile !== undefined)
    return calls.reconcile(
      framework,
      (reconcile.tasks ?? []).map((task) => ({
        taskId: task.task_id.value,
        agentId: agentOf(task),
      })),
    );
  if (message !== undefined)
    return calls.message(
      framework,
      { executorId: message.executor_id.value, agentId: message.agent_id.value },
      Buffer.from(message.data, 'base64'),
    );
  return call.type === 'TEARDOWN' ? calls.teardown(framework) : remadeRare(framework, call);
}

function remadeRare(framework: string, call: Call): Call | undefined {
  const { kill, request, update_framework, reconcile_operations } = call;
  const inverse = call.accept_inverse_offers;
  if (kill?.kill_policy?.grace_period !== undefined)
    return calls.kill(framework, {
      taskId: kill.task_id.value,
      agentId: agentOf(kill),
      graceMs: kill.kill_policy.grace_period.nanoseconds / 1_000_000,
    });
  if (request?.requests !== undefined) return calls.request(framework, request.requests);
  if (inverse?.inverse_offer_ids !== undefined) {
    const offers = inverse.inverse_offer_ids.map((id) => ({
      id,
      framework_id: { value: framework },
      unavailability: { start: { nanoseconds: 0 } },
    }));
    return calls.acceptInverseOffers(framework, offers, refuseOf(inverse));
  }
  if (update_framework?.framework_info.id?.value === framework) {
    const { id: _, ...info } = update_framework.framework_info;
    return calls.updateFramework(framework, info, update_framework.suppressed_roles);
  }
  if (reconcile_operations !== undefined) return calls.reconcileOperations(framework, []);
  return undefined;
}

t.test('our calls are those that were recorded', async (t) => {
  const kinds = new Set<string>();
  for (const call of recorded) {
    const ours = remade(call);
    if (ours === undefined) continue;
    t.strictSame(ours, call, call.type ?? 'no type');
    kinds.add(call.type ?? '');
  }
  t.strictSame([...kinds].sort(), [
    'ACCEPT',
    'ACCEPT_INVERSE_OFFERS',
    'ACKNOWLEDGE',
    'DECLINE',
    'KILL',
    'MESSAGE',
    'RECONCILE',
    'RECONCILE_OPERATIONS',
    'REQUEST',
    'REVIVE',
    'SHUTDOWN',
    'SUBSCRIBE',
    'SUPPRESS',
    'TEARDOWN',
    'UPDATE_FRAMEWORK',
  ]);
});

t.test('operations are acknowledged with their uuid, or not at all', async (t) => {
  const status = { operation_id: { value: 'op' }, state: 'OPERATION_FINISHED' } as const;
  t.equal(calls.acknowledgeOperationStatus('f', status), undefined);
  t.strictSame(
    calls.acknowledgeOperationStatus('f', {
      ...status,
      uuid: { value: 'AAAA' },
      agent_id: { value: 'a' },
    }),
    {
      framework_id: { value: 'f' },
      type: 'ACKNOWLEDGE_OPERATION_STATUS',
      acknowledge_operation_status: {
        agent_id: { value: 'a' },
        uuid: 'AAAA',
        operation_id: { value: 'op' },
      },
    },
  );
});

// Bodies come from anybody who reaches a master: whatever they hold, a decoder answers or refuses, and never more.
const SEED = Number(process.env.SEED ?? 7);
for (const mediaType of [JSON_TYPE, PROTOBUF_TYPE] as readonly MediaType[])
  t.test(`damaged calls in ${mediaType} are read or refused (SEED=${SEED})`, async (t) => {
    let state = SEED;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const bodies = recorded.map((call) => encodeCall(call, mediaType));
    let read = 0;
    let refused = 0;
    for (let round = 0; round < 4_000; round++) {
      const body = Buffer.from(bodies[random(bodies.length)] ?? Buffer.alloc(0));
      for (let damage = random(4); damage >= 0; damage--)
        if (body.length > 0) body[random(body.length)] = random(256);
      try {
        decodeCall(random(4) === 0 ? body.subarray(0, random(body.length)) : body, mediaType);
        read++;
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        refused++;
      }
    }
    t.ok(read > 100 && refused > 100, `${read} read, ${refused} refused`);
  });
