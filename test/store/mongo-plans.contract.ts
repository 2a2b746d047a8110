// Each question that may meet many records is answered by the index that it names.
import { MongoClient } from 'mongodb';
import t, { type Test } from 'tap';
import { instant, jobId, projectId, userId } from '../../src/core/units.js';
import { collectionsOf } from '../../src/store/mongo/documents.js';
import { INDEXES, type Index, type Indexed } from '../../src/store/mongo/indexes.js';
import * as questions from '../../src/store/mongo/questions.js';
import { migrate } from '../../src/store/mongo/schema.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';

interface Asked {
  readonly filter: object;
  readonly sort?: unknown;
  readonly index: string;
}

const ALICE = userId('alice');
const DNA = projectId('dna');
const AT = instant(1_700_000_000_000);

const SOME = { after: 0, limit: 9 };

/** One example of each, in each form it takes. */
const ASKED: Readonly<Record<Indexed, Readonly<Record<string, Asked>>>> = {
  jobs: {
    'list of all': questions.listed({}),
    'list of an owner': questions.listed({ owner: ALICE, before: jobId(9) }),
    'list of a project': questions.listed({ project: DNA, states: ['over'] }),
    'list of both': questions.listed({ owner: ALICE, project: DNA, states: ['over', 'running'] }),
    'past of all': questions.past({}),
    'past of an owner': questions.past({ owner: ALICE, since: AT }),
    'past of a project': questions.past({ project: DNA, until: AT }),
    'past of a tag': questions.past({ tag: 'x', after: { submittedAt: AT, id: jobId(3) } }),
    'past of an owner and tag': questions.past({ owner: ALICE, tag: 'x', project: DNA }),
    'counts of all': questions.counted(null),
    'counts of an owner': questions.counted(ALICE),
    waiting: questions.waiting(7),
    'submitted since': questions.submittedSince(AT, 0),
    live: questions.live(0),
    'kills due': questions.killsDue(),
    'jobs of one name': questions.named('alice', 'sample', 0),
    'jobs held back': questions.held(),
    'array below': questions.arrayBelow(9),
    'members of an array': questions.membersOf(1, 5),
    'members of arrays': questions.membersOfAll([1, 2]),
    'jobs with keys': questions.withKeys(['a', 'b']),
    'active jobs of an owner': questions.activeOf(ALICE),
    'pending jobs': questions.pendingJobs(),
    'open arrays of all': questions.openArrays(null),
    'open arrays of an owner': questions.openArrays(ALICE),
    'due uses': questions.dueUses(),
    ended: questions.ended({
      ...{ since: AT, until: instant(AT + 5), limit: 9 },
      after: { endedAt: AT, id: jobId(3) },
    }),
    'to be measured': questions.toBeMeasured(0),
    'disk changes': questions.diskChangesDue(),
    'left directories': questions.leftDirectories(),
    running: questions.running(7),
    'aftermath due': questions.aftermathDue(7),
    drafts: questions.drafts(),
    'drafts of batches': questions.draftsOf(['a', 'b']),
  },
  uses: {
    'used since': questions.usedSince({ since: AT, owner: ALICE }),
    'used on a day': questions.usedOn('project', 'dna', 5),
  },
  accounting: {
    'of a job': questions.accountedOf(7),
    'of days': questions.accountedIn({ from: 1, until: 2 }),
    'of days and a project': questions.accountedIn({ from: 1, until: 2, project: DNA }),
  },
  audit: {
    'of an actor': questions.audited({ after: 0, limit: 9, actor: 'alice', acts: ['user.change'] }),
    'of acts': questions.audited({ after: 7, limit: 9, acts: ['node.drain', 'node.resume'] }),
    'about a subject': questions.audited({ ...SOME, subject: { kind: 'user', id: 'alice' } }),
    'about subjects of a kind': questions.audited({ ...SOME, subject: { kind: 'node' } }),
    'of a time': questions.audited({ ...SOME, from: AT }),
  },
  leases: { 'of a holder': questions.leasesOf('w1') },
  users: { unusual: questions.unusual('users'), quotas: questions.withQuotas('users') },
  projects: { unusual: questions.unusual('projects'), quotas: questions.withQuotas('projects') },
};

/** Questions of these are sorted in memory by the server, which is right for them: see the questions. */
const SORTED_IN_MEMORY = ['jobs_sweep', 'audit_at'];

t.test('no question is forgotten', async (t) => {
  const forms = Object.values(ASKED).flatMap((asked) => Object.keys(asked));
  const makers = Object.keys(questions);
  t.equal(makers.length, 33, 'a new question gets an example above');
  t.ok(forms.length >= makers.length);
});

for (const [collection, asked] of Object.entries(ASKED) as [Indexed, Record<string, Asked>][])
  for (const [name, question] of Object.entries(asked))
    t.test(`${collection}: ${name} is covered by ${question.index}`, async (t) =>
      isCovered(t, question, INDEXES[collection] as Readonly<Record<string, Index>>),
    );

/** As a server would use it: fields that are compared for equality come first, then those of the order, or of one range. */
function isCovered(t: Test, { filter, sort, index }: Asked, declared: Record<string, Index>): void {
  const keys = Object.keys(declared[index]?.keys ?? {});
  t.ok(keys.length > 0, 'the index is declared');
  const fields = Object.entries(filter);
  const isEqual = ([, value]: readonly [string, unknown]): boolean =>
    typeof value !== 'object' || value === null || '$in' in value;
  const equal = new Set(fields.filter(isEqual).map(([field]) => field));
  const prefix = keys.findIndex((key) => !equal.has(key));
  const rest = prefix === -1 ? [] : keys.slice(prefix);
  const isRange = fields.some(([field]) => field === rest[0] && !equal.has(field));
  t.ok(rest.length < keys.length || isRange, 'its first key is asked for');
  const order = Object.keys((sort as object | undefined) ?? {});
  const isInOrder = order.every((field, place) => rest[place] === field);
  t.equal(isInOrder, !SORTED_IN_MEMORY.includes(index), 'it yields the order, if one is asked for');
}

const missing = mongoMissing();
t.test('the server plans as declared', async (t) => {
  if (missing !== undefined) return t.plan(0, `MongoDB: ${missing}`);
  const server = await startMongo(t);
  if (!server.isReal) return t.plan(0, `plans of MongoDB: ${server.what} cannot explain`);
  const client = await new MongoClient(server.url).connect();
  t.teardown(() => client.close());
  const collections = collectionsOf(client.db(temporaryDatabase(t, server.url)));
  await migrate(collections);
  for (const [collection, asked] of Object.entries(ASKED) as [Indexed, Record<string, Asked>][])
    for (const [name, { filter, sort, index }] of Object.entries(asked)) {
      const found = collections.database
        .collection(collection === 'uses' ? 'used_days' : collection)
        .find(filter);
      const cursor = sort === undefined ? found : found.sort(sort as never);
      const plan = JSON.stringify((await cursor.explain('queryPlanner')).queryPlanner.winningPlan);
      // Of several that fit a server may choose another one.
      t.match(plan, /"stage":"IXSCAN"/, `${name}: by ${/"indexName":"(\w+)"/.exec(plan)?.[1]}`);
      t.notMatch(plan, /"stage":"COLLSCAN"/, name);
      if (!SORTED_IN_MEMORY.includes(index)) t.notMatch(plan, /"stage":"SORT"[,}]/, name);
    }
  return undefined;
});
