/** What a master checks of a call before it looks at frameworks. The texts are a real master's. */
import type { Call, CallType } from '../mesos/messages.js';

/** The field that must be present for each type of call, where there is one. */
const FIELDS: Partial<Record<CallType, keyof Call>> = {
  SUBSCRIBE: 'subscribe',
  ACCEPT: 'accept',
  DECLINE: 'decline',
  KILL: 'kill',
  SHUTDOWN: 'shutdown',
  ACKNOWLEDGE: 'acknowledge',
  RECONCILE: 'reconcile',
  MESSAGE: 'message',
  REQUEST: 'request',
  ACCEPT_INVERSE_OFFERS: 'accept_inverse_offers',
  DECLINE_INVERSE_OFFERS: 'decline_inverse_offers',
  ACKNOWLEDGE_OPERATION_STATUS: 'acknowledge_operation_status',
  RECONCILE_OPERATIONS: 'reconcile_operations',
  UPDATE_FRAMEWORK: 'update_framework',
};
const UUID_BYTES = 16;

/**
 * What is wrong with a call, or null.
 * @param principal who sent it, null without authentication
 */
export function callProblem(call: Call, principal: string | null): string | null {
  if (call.type === undefined) return "Expecting 'type' to be present";
  if (call.type === 'SUBSCRIBE') return subscribeProblem(call, principal);
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present";
  const field = FIELDS[call.type];
  if (field !== undefined && call[field] === undefined) return `Expecting '${field}' to be present`;
  const uuid = call.acknowledge?.uuid;
  if (uuid !== undefined && Buffer.from(uuid, 'base64').length !== UUID_BYTES) {
    return 'Not a valid UUID';
  }
  return null;
}

function subscribeProblem(call: Call, principal: string | null): string | null {
  if (call.subscribe === undefined) return "Expecting 'subscribe' to be present";
  const info = call.subscribe.framework_info;
  if (info.id?.value !== call.framework_id?.value) {
    return "'framework_id' differs from 'subscribe.framework_info.id'";
  }
  if (principal !== null && info.principal !== undefined && info.principal !== principal) {
    return `${principalMismatch(principal, info.principal)}`;
  }
  return null;
}

export const principalMismatch = (authenticated: string, claimed: string): string =>
  `Authenticated principal '${authenticated}' does not match principal '${claimed}' set in \`FrameworkInfo\``;
