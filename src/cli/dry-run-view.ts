/** What a dry run told, as lines for people. */
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { facts } from './table.js';
import { isRecord } from './wire.js';
import { duration, localTime } from './words.js';

type Json = Record<string, unknown>;

/** The text that is printed. @throws Failure when it is no answer to a dry run: an older server has submitted the job */
export function readDryRun(answer: unknown): string {
  if (!isRecord(answer) || answer.dry_run !== true) {
    const id = isRecord(answer) && typeof answer.id === 'number' ? answer.id : null;
    throw new Failure(
      EXIT.protocol,
      id === null
        ? 'the server answered something else than what the job would get'
        : `the server knows no dry run and has taken job ${id}: "god kill ${id}" ends it`,
    );
  }
  const granted = partOf(answer, 'granted');
  const rows = [
    ...grantedRows(granted),
    ...limitRows(partOf(answer, 'limits')),
    ...startRows(partOf(answer, 'start')),
    ...likeRows(partOf(answer, 'like')),
    ...noteRows('Warning', answer.warnings),
    ...noteRows('Advice', answer.advice),
  ];
  return facts(rows);
}

type Row = readonly [string, string];

function grantedRows(granted: Json): readonly Row[] {
  const volumes = itemsOf(granted.volumes).map(
    ({ name, mount, acl }) => `${name} at ${mount} (${acl})`,
  );
  const queue = granted.queue === null ? '' : `, queue ${granted.queue}`;
  const gpus = Number(granted.gpus) > 0 ? `, ${granted.gpus} gpus` : '';
  const network = granted.network === true ? String(granted.network_kind ?? 'yes') : 'none';
  return [
    ['User', `${granted.user} in ${granted.project}`],
    ['Image', `${granted.image}${granted.image_used === false ? ' (not used here)' : ''}`],
    ['Volumes', volumes.length === 0 ? 'none' : volumes.join(', ')],
    ['Root', granted.root === true ? 'yes' : 'no'],
    ['Network', network],
    ['Executor', `${granted.executor}${queue}`],
    ['Needs', `${granted.cpu} cpus, ${granted.ram} GB${gpus}`],
    ['Lifespan', String(granted.maxlifespan ?? 'any')],
    ...(typeof granted.members === 'number' ? [['Members', `${granted.members}`] as const] : []),
  ];
}

const limitRows = ({ submitted, running }: Json): readonly Row[] => [
  ...(typeof submitted === 'number'
    ? [['At most', `${submitted} waiting and running`] as const]
    : []),
  ...(typeof running === 'number' ? [['Running', `at most ${running} at a time`] as const] : []),
];

const WAITS_FOR: Readonly<Record<string, string>> = {
  maintenance: 'the end of maintenance',
  uploads: 'its files',
  release: 'its release',
  date: 'its date',
  jobs: 'other jobs',
};

function startRows({ waits_for, in_line, behind, not_before }: Json): readonly Row[] {
  const words: string[] = [];
  if (Array.isArray(waits_for) && waits_for.length > 0)
    words.push(`waits for ${waits_for.map((word) => WAITS_FOR[String(word)] ?? word).join(', ')}`);
  if (typeof in_line === 'number') words.push(`${in_line} jobs in line`);
  if (typeof behind === 'number') words.push(`behind your job ${behind}`);
  if (typeof not_before === 'number') words.push(`hardly before ${localTime(not_before * 1_000)}`);
  return [['Start', words.length === 0 ? 'not known' : words.join('; ')]];
}

function likeRows(like: Json): readonly Row[] {
  if (typeof like.jobs !== 'number') return [];
  const ran = partOf(like, 'ran');
  const ram = typeof like.ram === 'number' ? `, ${like.ram} GB of memory at most` : '';
  const time = (value: unknown): string => duration(Number(value) * 1_000);
  return [
    [
      'Like jobs',
      `${like.jobs} of yours took ${time(ran.median)}, the longest ${time(ran.longest)}${ram}`,
    ],
  ];
}

const noteRows = (title: string, notes: unknown): readonly Row[] =>
  itemsOf(notes).map(({ field, msg }) => {
    const text = String(msg);
    return [title, text.startsWith(String(field)) ? text : `${field}: ${text}`];
  });

function partOf(from: Json, key: string): Json {
  const found = from[key];
  return isRecord(found) ? found : {};
}

const itemsOf = (list: unknown): readonly Json[] =>
  Array.isArray(list) ? list.filter(isRecord) : [];
