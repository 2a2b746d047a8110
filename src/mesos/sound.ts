/**
 * What may be believed of an offer. Agents and masters say odd things: negative amounts, ranges that overlap, attributes
 * without a value. Such a part is left out, so that what the core counts and what orders take are always the same.
 */
import type { MesosCounter } from '../contracts/counters.js';
import { mergedRanges, portCount } from '../core/resources.js';
import { isOrdinary, NS_MAX } from './events.js';
import type { Attribute, Offer, Resource, ValueRange } from './messages.js';

export interface Oddity {
  readonly kind: Extract<MesosCounter, 'resources_odd' | 'attributes_odd' | 'windows_odd'>;
  /** Of the resource or attribute. */
  readonly name: string;
  readonly because: string;
}

export interface SoundOffer {
  readonly offer: Offer;
  readonly oddities: readonly Oddity[];
}

/** Larger amounts would not be exact any more as thousandths and in sums. */
const AMOUNT_MAX = 1e11;
const PORT_MAX = 65_535;

/** Types that these resources have on every agent. */
const TYPES: readonly (readonly [string, Resource['type']])[] = [
  ['cpus', 'SCALAR'],
  ['mem', 'SCALAR'],
  ['gpus', 'SCALAR'],
  ['ports', 'RANGES'],
];

/** The offer without resources that make no sense. Attributes stay: without them an agent might be open to more jobs. */
export function soundOffer(offer: Offer): SoundOffer {
  const oddities: Oddity[] = [];
  const types = new Map(TYPES);
  const resources = (offer.resources ?? []).flatMap((resource) => {
    if (!isOrdinary(resource)) return [resource];
    const { name } = resource;
    const { because, kept } = soundResource(resource, types.get(name) ?? resource.type);
    if (because !== null) oddities.push({ kind: 'resources_odd', name, because });
    if (kept === null) return [];
    types.set(name, kept.type);
    return [kept];
  });
  const names = new Set<string>();
  for (const attribute of offer.attributes ?? []) {
    const { name } = attribute;
    const because = names.has(name) ? 'given twice' : oddAttribute(attribute);
    if (because !== null) oddities.push({ kind: 'attributes_odd', name, because });
    names.add(name);
  }
  const startNs = offer.unavailability?.start.nanoseconds;
  if (startNs !== undefined && !(startNs >= 0 && startNs <= NS_MAX))
    oddities.push({ kind: 'windows_odd', name: 'start', because: `${startNs} is no time` });
  return { offer: { ...offer, resources }, oddities };
}

interface Sound {
  /** Null: nothing is odd. */
  readonly because: string | null;
  readonly kept: Resource | null;
}

const dropped = (because: string): Sound => ({ because, kept: null });

function soundResource(resource: Resource, type: Resource['type']): Sound {
  if (resource.name === '') return dropped('no name');
  if (resource.type !== type) return dropped(`type ${resource.type} instead of ${type}`);
  switch (resource.type) {
    case 'SCALAR': {
      const amount = resource.scalar?.value;
      return amount !== undefined && amount >= 0 && amount <= AMOUNT_MAX
        ? { because: null, kept: resource }
        : dropped(`amount ${amount}`);
    }
    case 'RANGES':
      return soundRanges(resource);
    case 'SET': {
      const items = resource.set?.item ?? [];
      const item = [...new Set(items)];
      return item.length === items.length
        ? { because: null, kept: resource }
        : { because: 'members given twice', kept: { ...resource, set: { item } } };
    }
    default:
      return dropped(`type ${resource.type}`);
  }
}

function soundRanges(resource: Resource): Sound {
  const all = resource.ranges?.range ?? [];
  const max = resource.name === 'ports' ? PORT_MAX : AMOUNT_MAX;
  const isRange = ({ begin, end }: ValueRange) =>
    Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= max;
  const good = all.filter(isRange);
  const range = mergedRanges(good);
  if (portCount(range) === portCount(good))
    return good.length === all.length
      ? { because: null, kept: resource }
      : { because: 'parts that are no ranges', kept: { ...resource, ranges: { range: good } } };
  return { because: 'ranges that overlap', kept: { ...resource, ranges: { range } } };
}

function oddAttribute({ name, type, text, scalar, ranges, set }: Attribute): string | null {
  if (name === '') return 'no name';
  if (type === 'SCALAR')
    return Number.isFinite(scalar?.value) ? null : `value ${scalar?.value ?? 'missing'}`;
  const value = type === 'TEXT' ? text : type === 'SET' ? set : ranges;
  return value === undefined ? 'no value' : null;
}
