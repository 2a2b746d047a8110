/** `first-order-1m` and `memory-per-job`: measured in processes of their own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { duration, type Figure, median } from './figure.js';

const JOBS = 1_000_000;
const ROUNDS = 3;

/** What a module of this folder prints. */
function ask(name: string, flags: readonly string[] = []): Readonly<Record<string, number>> {
  const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, path, String(JOBS)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
  return JSON.parse(stdout) as Record<string, number>;
}

/**
 * From a filled queue to the first plan, in a process that made none before: the accounts are stood in line, their order
 * yields as many jobs as are launched. How long the order of all million jobs takes is told beside it.
 */
export function firstOrder1m(): Figure {
  const rounds = Array.from({ length: ROUNDS }, () => ask('first-order'));
  const of = (name: string): number => median(rounds.map((round) => round[name] ?? Number.NaN));
  const ms = (name: string): string => `${Math.round(of(name))} ms`;
  console.error(
    `first-order-1m: ${of('launches')} launches; processor time ${ms('planProcessorMs')}; the order of all ${ms('orderMs')}, processor time ${ms('orderProcessorMs')}`,
  );
  return duration('first-order-1m', of('planMs'), of('floorMs'));
}

/** Bytes of heap and buffers that a waiting job takes in the scheduler; floor: its id alone. */
export function memoryPerJob(): Figure {
  const { bytes, laterBytes, floorBytes } = ask('job-memory', ['--expose-gc']);
  if (bytes === undefined || laterBytes === undefined || floorBytes === undefined)
    throw new Error('job-memory answers otherwise');
  const value = Math.round(Math.max(bytes, laterBytes));
  console.error(
    `memory-per-job: ${Math.round(bytes)} bytes when filled, ${Math.round(laterBytes)} after half of the jobs have changed`,
  );
  return {
    name: 'memory-per-job',
    value,
    unit: 'bytes',
    floor: floorBytes,
    ratio: Math.round((floorBytes / value) * 100) / 100,
  };
}
