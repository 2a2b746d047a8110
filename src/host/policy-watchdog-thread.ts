// The thread that counts how long a cycle takes. Synchronous, and by its own ticks: a process that was stopped and goes on has lost none.
import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { CYCLE, RUNNING, readStuck, type WatchdogOrder } from './policy-watchdog.js';

const TICKS = 20;
const STDOUT = 1;
/** As the service's log has them. */
const ERROR = 50;

const { policy, file, memory, stuckMs } = workerData as WatchdogOrder;
const told = new Int32Array(memory);
let cycle = 0;
let ticks = 0;

setInterval(() => {
  const now = Atomics.load(told, CYCLE);
  ticks = Atomics.load(told, RUNNING) === 1 && now === cycle ? ticks + 1 : 0;
  cycle = now;
  if (ticks >= TICKS) end();
}, stuckMs / TICKS);

/** Says it, writes it down and ends the process: nothing else stops what runs on the main thread. */
function end(): void {
  const times = timesBefore() + 1;
  const at = new Date().toISOString();
  const seconds = stuckMs / 1_000;
  let unwritten = {};
  try {
    writeFileSync(`${file}.new`, JSON.stringify({ policy, times, at }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    unwritten = { unwritten: String(error) };
  }
  const msg = 'scheduler policy does not come back: the process ends';
  const line = { level: ERROR, time: at, policy, seconds, times, file, ...unwritten, msg };
  writeSync(STDOUT, `${JSON.stringify(line)}\n`);
  process.kill(process.pid, 'SIGKILL');
}

function timesBefore(): number {
  try {
    const known = readStuck(readFileSync(file, 'utf8'));
    return known?.policy === policy ? known.times : 0;
  } catch {
    // The first time there is no file.
    return 0;
  }
}
