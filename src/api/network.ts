/** `container.network` and `requirements.network`: whether a job has a network, and which one it joins. */
import { type ErrorCode, ServiceError } from '../contracts/errors.js';
import { NETWORK_KINDS, type NetworkKind } from '../core/job.js';
import type { ApiDeps } from './deps.js';

export interface NetworkWish {
  /** `requirements.network`, unread. */
  readonly kind: unknown;
  /** `container.network`; clients of old always say true. */
  readonly isWanted: boolean;
  readonly hasPorts: boolean;
}

export interface GrantedNetwork {
  readonly hasNetwork: boolean;
  readonly network: NetworkKind | null;
}

const FIELD = 'requirements.network';

/** @throws ServiceError for words that are no network, for networks that the site has not, and for contradictions */
export function readNetwork(
  { kind, isWanted, hasPorts }: NetworkWish,
  { config: { containers, mesos }, containerizer }: Pick<ApiDeps, 'config' | 'containerizer'>,
): GrantedNetwork {
  const asked = readKind(kind);
  // Plain processes have the network of the machine, whatever anybody says.
  if (containerizer === 'process') return { hasNetwork: isWanted, network: null };
  const { isDisabled, isNamed, names } = containers.network;
  if (!isWanted || isDisabled) {
    const why = isDisabled ? 'jobs have no network here' : 'container.network is false';
    if (asked === 'user' || asked === 'project') refuse('bad-field', FIELD, why);
    if (hasPorts) refuse('bad-field', 'requirements.ports', why);
    if (mesos.unified !== null && mesos.unified.noNetworkName === null)
      refuse('not-supported', 'container.network', 'jobs without network are not supported here');
    return { hasNetwork: false, network: null };
  }
  if (!isNamed) {
    if (asked === 'user' || asked === 'project')
      refuse('not-supported', FIELD, `this site has no networks of their own for a ${asked}`);
    return { hasNetwork: true, network: null };
  }
  const network = asked ?? 'public';
  if (names[network] === null)
    refuse('not-supported', FIELD, `this site has no network "${network}"`);
  return { hasNetwork: true, network };
}

function readKind(kind: unknown): NetworkKind | null {
  if (kind === undefined || kind === null || kind === '') return null;
  const known = NETWORK_KINDS.find((one) => one === kind);
  return known ?? refuse('bad-field', FIELD, `must be one of ${NETWORK_KINDS.join(', ')}`);
}

function refuse(code: ErrorCode, field: string, why: string): never {
  throw new ServiceError(code, `${field}: ${why}`, { field });
}
