import type { SignalName, Terminal } from '../../src/cli/terminal.js';

/** A terminal that remembers what was printed, and answers questions from a list. */
export class FakeTerminal implements Terminal {
  readonly env: Record<string, string | undefined>;
  readonly directory: string;
  readonly home: string;
  readonly uid = process.getuid?.() ?? null;
  columns: number | null = null;
  isErrTerminal = false;
  canAsk = false;
  input = Buffer.alloc(0);
  readonly answers: (string | null)[] = [];
  readonly questions: string[] = [];
  readonly #listeners = new Set<(name: SignalName) => void>();
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];
  /** Called after each piece of output. */
  onOutput: () => void = () => {};

  constructor(home: string, env: Record<string, string | undefined> = {}) {
    this.env = env;
    this.home = home;
    this.directory = home;
  }

  get outBytes(): Buffer {
    return Buffer.concat(this.#out);
  }

  get outText(): string {
    return this.outBytes.toString();
  }

  get errText(): string {
    return Buffer.concat(this.#err).toString();
  }

  async out(data: string | Uint8Array): Promise<void> {
    this.#out.push(Buffer.from(data));
    this.onOutput();
  }

  async err(data: string | Uint8Array): Promise<void> {
    this.#err.push(Buffer.from(data));
    this.onOutput();
  }

  async ask(question: string): Promise<string | null> {
    this.questions.push(question);
    return this.answers.shift() ?? null;
  }

  async readInput(): Promise<Buffer> {
    return this.input;
  }

  onSignal(listen: (name: SignalName) => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  signal(name: SignalName): void {
    for (const listen of this.#listeners) listen(name);
  }

  get isListening(): boolean {
    return this.#listeners.size > 0;
  }
}
