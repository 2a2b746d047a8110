import t from 'tap';
import { type Kernel, StoppedWriter } from '../../src/store/embedded/stopped-writer.js';

const INODE = 4_242;
const HOLDER = 99_999_901;
const OTHER = 99_999_902;

/** A machine on which `states` run and one of them holds the write lock. */
class Machine implements Kernel {
  nowMs = 0;
  holder = HOLDER;
  readonly states = new Map([
    [HOLDER, 'T'],
    [OTHER, 'T'],
  ]);
  readonly killed: number[] = [];
  lines = (pid: number): readonly string[] => [
    `1: POSIX  ADVISORY  WRITE ${pid} fe:00:${INODE} 120 120`,
  ];

  locks = (): string => this.lines(this.holder).join('\n');
  state = (pid: number): string | undefined => this.states.get(pid);
  kill = (pid: number): void => {
    this.killed.push(pid);
  };
  monotonicMs = (): number => this.nowMs;

  /** Looks each half second, as a thread does that waits for the lock. */
  wait(writer: StoppedWriter, ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 500) writer.look();
  }
}

const writerOf = (machine: Machine): StoppedWriter => new StoppedWriter(() => INODE, machine);

t.test('a process that sleeps on the lock is ended, not at once', async (t) => {
  const machine = new Machine();
  const writer = writerOf(machine);
  machine.wait(writer, 2_500);
  t.same(machine.killed, []);
  machine.wait(writer, 500);
  t.same(machine.killed, [HOLDER]);
});

t.test('one that runs is left alone, however long it takes', async (t) => {
  const machine = new Machine();
  for (const state of ['R', 'S', 'D', 't', 'Z']) {
    machine.states.set(HOLDER, state);
    machine.wait(writerOf(machine), 10_000);
  }
  machine.states.delete(HOLDER);
  machine.wait(writerOf(machine), 10_000);
  t.same(machine.killed, []);
});

t.test(
  'the time begins anew with another holder, one that ran, and a lock that was got',
  async (t) => {
    const machine = new Machine();
    const writer = writerOf(machine);
    machine.wait(writer, 2_500);
    machine.holder = OTHER;
    machine.wait(writer, 2_500);
    machine.states.set(OTHER, 'R');
    machine.wait(writer, 500);
    machine.states.set(OTHER, 'T');
    machine.wait(writer, 2_500);
    writer.forget();
    machine.wait(writer, 2_500);
    t.same(machine.killed, []);
  },
);

t.test('only the holder of this lock of this file counts', async (t) => {
  const others: Record<string, string> = {
    'another file': `1: POSIX  ADVISORY  WRITE ${HOLDER} fe:00:${INODE + 1} 120 120`,
    'a lock of readers': `1: POSIX  ADVISORY  READ  ${HOLDER} fe:00:${INODE} 120 120`,
    'another byte': `1: POSIX  ADVISORY  WRITE ${HOLDER} fe:00:${INODE} 121 127`,
    'one that waits': `1: -> POSIX  ADVISORY  WRITE ${HOLDER} fe:00:${INODE} 120 120`,
    'another name space': `1: POSIX  ADVISORY  WRITE 0 fe:00:${INODE} 120 120`,
    'another kind': `1: FLOCK  ADVISORY  WRITE ${HOLDER} fe:00:${INODE} 0 EOF`,
    ourselves: `1: POSIX  ADVISORY  WRITE ${process.pid} fe:00:${INODE} 120 120`,
    nothing: '',
  };
  for (const [name, line] of Object.entries(others)) {
    const machine = new Machine();
    machine.states.set(process.pid, 'T');
    machine.lines = () => [line];
    machine.wait(writerOf(machine), 10_000);
    t.same(machine.killed, [], name);
  }
  const machine = new Machine();
  machine.lines = () => [`7: POSIX  ADVISORY  WRITE ${HOLDER} fe:00:${INODE} 120 127`];
  machine.wait(writerOf(machine), 4_000);
  t.same(machine.killed, [HOLDER], 'a range that holds it');
});
