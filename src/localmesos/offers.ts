/** An offer: all that was free on one agent, one framework's for a while. */
import type { Offer as WireOffer } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import { type Amount, toWire } from './amounts.js';
import type { Framework } from './framework.js';

export interface Offer {
  readonly id: string;
  readonly framework: Framework;
  readonly agent: Agent;
  readonly role: string;
  readonly amount: Amount;
}

export function offerToWire(offer: Offer): WireOffer {
  const { agent, framework, role } = offer;
  const allocatedTo = framework.can('MULTI_ROLE') ? role : null;
  const isRefined = framework.can('RESERVATION_REFINEMENT');
  return {
    id: { value: offer.id },
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    hostname: agent.hostname,
    url: agent.url,
    resources: toWire(offer.amount, { allocatedTo, isRefined }),
    ...(agent.attributes.length === 0 ? {} : { attributes: agent.attributes }),
    ...(agent.unavailability === null ? {} : { unavailability: agent.unavailability }),
    ...(allocatedTo === null ? {} : { allocation_info: { role } }),
  };
}
