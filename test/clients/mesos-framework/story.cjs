// A scheduler on the npm package mesos-framework, which speaks the API as of Mesos 0.28: no capabilities, explicit nulls.
// Plays the story of test/clients/README.md and prints what it saw as one line of JSON.
//
// usage: node story.cjs HOST PORT    (the package is looked for in NODE_PATH)
const os = require('node:os');
const { Scheduler, Mesos } = require('mesos-framework');

const COMMANDS = { 'says-hi': 'echo hi; exit 3', succeeds: 'true', sleeps: 'sleep 100' };
const STORY_MS_MAX = 60_000;
const NOT_OVER = ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'];
/** Time for the TEARDOWN to leave before the process ends. */
const LEAVING_MS = 300;

const seen = { states: {}, messages: {}, reconciled: null };
let hasLaunched = false;

const scheduler = new Scheduler({
  masterUrl: process.argv[2],
  port: Number(process.argv[3]),
  frameworkName: 'witness-mesos-framework',
  user: 'root',
  // Its default, 10 s of silence, is shorter than the heartbeat of a real master.
  masterConnectionTimeout: 30,
  frameworkFailoverTimeout: 10,
  logging: { path: os.tmpdir(), fileName: 'witness-mesos-framework.log', level: 'error' },
  tasks: {},
  // The package calls only handlers with exactly one argument.
  handlers: { OFFERS: (event) => event.offers.forEach(use), UPDATE: (update) => note(update) },
});

function use(offer) {
  if (hasLaunched) {
    scheduler.decline([offer.id], { refuse_seconds: 1.0 });
    return;
  }
  hasLaunched = true;
  const task_infos = Object.entries(COMMANDS).map(([name, value]) => ({
    name,
    task_id: { value: name },
    agent_id: offer.agent_id,
    command: { value, shell: true },
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
    ],
  }));
  const messages = Mesos.getMesos();
  scheduler.accept(
    [offer.id],
    [new messages.Offer.Operation({ type: 'LAUNCH', launch: { task_infos } })],
    null,
  );
}

function note(update) {
  const { status } = update;
  const task = status.task_id.value;
  scheduler.acknowledge(update);
  if (status.reason === 'REASON_RECONCILIATION') {
    seen.reconciled = status.state;
    scheduler.kill(task, status.agent_id.value);
    return;
  }
  seen.states[task] ??= [];
  // A repeated update says nothing new.
  if (seen.states[task].at(-1) === status.state) return;
  seen.states[task].push(status.state);
  if (status.state === 'TASK_RUNNING' && task === 'sleeps')
    scheduler.reconcile(task, status.agent_id.value);
  else if (!NOT_OVER.includes(status.state)) {
    seen.messages[task] = status.message ?? '';
    if (Object.keys(seen.messages).length === Object.keys(COMMANDS).length) scheduler.teardown();
  }
}

scheduler.on('sent_teardown', () => {
  console.log(JSON.stringify(seen));
  setTimeout(() => process.exit(0), LEAVING_MS);
});
scheduler.on('error', (error) => console.error('mesos-framework:', error.message ?? error));
scheduler.on('ready', () => scheduler.subscribe());
setTimeout(() => {
  console.error('mesos-framework: not over in time, seen', JSON.stringify(seen.states));
  process.exit(1);
}, STORY_MS_MAX);
