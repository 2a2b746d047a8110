/** `why`: where a waiting job stands, what limits it, when it may start; and what puts another one before it. */
import { type CommonOptions, type Context, connect, printJson, readId } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { facts } from '../table.js';
import {
  assumptionWords,
  type ComparisonView,
  causeWords,
  estimateWords,
  positionWords,
  readWhy,
  type WhyView,
} from '../why-view.js';

export async function why(
  context: Context,
  id: string,
  other: string | undefined,
  options: CommonOptions,
): Promise<number> {
  const query = other === undefined ? {} : { query: { other: String(readId(other)) } };
  const doc = await connect(context).json('GET', `task/${readId(id)}/why`, query);
  if (options.json === true) await printJson(context, doc);
  else await context.terminal.out(facts(whyFacts(readWhy(doc))));
  return EXIT.ok;
}

type Facts = readonly (readonly [string, string])[];

function whyFacts(view: WhyView): Facts {
  if (!view.isWaiting) {
    const words = view.state === 'over' ? 'it is over' : 'it does not wait';
    return [[`Job ${view.id}`, [words, view.reason ?? ''].filter(Boolean).join(': ')]];
  }
  const told: Facts = [
    ['Job', String(view.id)],
    ['Position', positionWords(view.position) || 'no scheduler has told'],
    ['Waits for', view.reason ?? ''],
    ['Impossible now', view.impossible ?? ''],
    ['Start', estimateWords(view.estimate)],
    ['Supposing', assumptionWords(view.estimate)],
    ...(view.compared === null ? [] : comparisonFacts(view, view.compared)),
  ];
  return told.filter(([, value]) => value !== '');
}

function comparisonFacts({ id }: WhyView, found: ComparisonView): Facts {
  const who = found.user === '' ? "another user's" : `${found.user}, project ${found.project}`;
  const order =
    found.first === null
      ? 'which of them goes first cannot be told'
      : found.first === id
        ? `${id} stands before it`
        : `it stands before ${id}`;
  return [
    [`Job ${found.id}`, `${who}; ${positionWords(found.position)}; ${order}`],
    ...found.because.map((cause) => ['Because', causeWords(cause)] as const),
  ];
}
