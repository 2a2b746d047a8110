/** A small Mesos framework for tests: subscribes, collects events, sends calls. Knows nothing of our own framework. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { decodeEvent, encodeCall, JSON_TYPE, type MediaType } from '../../../src/mesos/codec.js';
import type {
  Call,
  Event,
  FrameworkInfo,
  Offer,
  TaskInfo,
  TaskStatus,
} from '../../../src/mesos/messages.js';
import { RecordDecoder } from '../../../src/mesos/recordio.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface DriverOptions {
  readonly url: string;
  readonly info?: Partial<FrameworkInfo>;
  readonly mediaType?: MediaType;
  readonly headers?: Readonly<Record<string, string>>;
  /** Acknowledge every update at once (default). */
  readonly acknowledges?: boolean;
}

export const CAPABILITIES: NonNullable<FrameworkInfo['capabilities']> = [
  { type: 'MULTI_ROLE' },
  { type: 'PARTITION_AWARE' },
  { type: 'TASK_KILLING_STATE' },
  { type: 'RESERVATION_REFINEMENT' },
];

export class Driver {
  readonly events: Event[] = [];
  readonly offers = new Map<string, Offer>();
  readonly updates: TaskStatus[] = [];
  frameworkId = '';
  streamId = '';
  isEnded = false;
  acknowledges: boolean;
  #stream: IncomingMessage | undefined;
  readonly #options: DriverOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #waiting = new Set<() => void>();

  constructor(options: DriverOptions) {
    this.#options = options;
    this.acknowledges = options.acknowledges ?? true;
  }

  get mediaType(): MediaType {
    return this.#options.mediaType ?? JSON_TYPE;
  }

  /** Subscribes; with an id it had before, as that framework. Resolves when the answer's head is there. */
  async subscribe(frameworkId?: string, suppressedRoles: readonly string[] = []): Promise<number> {
    const id = frameworkId === undefined ? {} : { id: { value: frameworkId } };
    const info: FrameworkInfo = {
      user: 'nobody',
      name: 'driver',
      roles: ['*'],
      failover_timeout: 3_600,
      checkpoint: true,
      capabilities: CAPABILITIES,
      ...this.#options.info,
      ...id,
    };
    const call: Call = {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: info, suppressed_roles: suppressedRoles },
      ...(frameworkId === undefined ? {} : { framework_id: { value: frameworkId } }),
    };
    const response = await this.#post(encodeCall(call, this.mediaType), {});
    if (response.statusCode !== 200) {
      response.resume();
      return response.statusCode ?? 0;
    }
    this.#stream = response;
    this.streamId = String(response.headers['mesos-stream-id'] ?? '');
    this.isEnded = false;
    const decoder = new RecordDecoder();
    response.on('data', (chunk: Buffer) => {
      for (const record of decoder.push(chunk)) this.#take(decodeEvent(record, this.mediaType));
    });
    response.on('error', () => {});
    response.on('close', () => {
      this.isEnded = true;
      this.#wake();
    });
    return 200;
  }

  async call(call: Call): Promise<Answer> {
    const whole: Call = { framework_id: { value: this.frameworkId }, ...call };
    return this.raw(encodeCall(whole, this.mediaType), { 'Mesos-Stream-Id': this.streamId });
  }

  async raw(body: Buffer, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const response = await this.#post(body, headers);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const status = response.statusCode ?? 0;
    return { status, headers: response.headers, body: Buffer.concat(chunks).toString() };
  }

  async accept(
    offers: readonly Offer[],
    tasks: readonly TaskInfo[],
    refuseSeconds = 0,
  ): Promise<Answer> {
    for (const offer of offers) this.offers.delete(offer.id.value);
    return this.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: offers.map(({ id }) => id),
        operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
        filters: { refuse_seconds: refuseSeconds },
      },
    });
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#agent.destroy();
    this.#stream?.destroy();
  }

  /** Waits until `found` gives something; throws with what was seen when it takes too long. */
  async until<T>(found: () => T | undefined | false, what: string, withinMs = 10_000): Promise<T> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const value = found();
      if (value !== undefined && value !== false) return value;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        const seen = this.updates.map(
          ({ task_id, state, message }) => `${task_id.value} ${state} ${message ?? ''}`,
        );
        throw new Error(
          `waited ${withinMs} ms for ${what}; updates seen: ${seen.slice(-20).join(' | ')}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(leftMs, 1_000));
        const waiting = this.#waiting;
        function done() {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    }
  }

  async anOffer(withinMs?: number): Promise<Offer> {
    return this.until(() => [...this.offers.values()][0], 'an offer', withinMs);
  }

  async update(taskId: string, state: string, withinMs?: number): Promise<TaskStatus> {
    const isIt = (status: TaskStatus) => status.task_id.value === taskId && status.state === state;
    return this.until(() => this.updates.find(isIt), `${taskId} ${state}`, withinMs);
  }

  statesOf(taskId: string): string[] {
    return this.updates.filter(({ task_id }) => task_id.value === taskId).map(({ state }) => state);
  }

  async acknowledge({ agent_id, task_id, uuid }: TaskStatus): Promise<Answer> {
    return this.call({
      type: 'ACKNOWLEDGE',
      acknowledge: { agent_id: agent_id ?? { value: '' }, task_id, uuid: uuid ?? '' },
    });
  }

  #take(event: Event): void {
    this.events.push(event);
    if (event.subscribed !== undefined) this.frameworkId = event.subscribed.framework_id.value;
    for (const offer of event.offers?.offers ?? []) this.offers.set(offer.id.value, offer);
    if (event.rescind !== undefined) this.offers.delete(event.rescind.offer_id.value);
    const status = event.update?.status;
    if (status !== undefined) {
      this.updates.push(status);
      if (this.acknowledges && status.uuid !== undefined) {
        // A connection cut meanwhile: the update comes again.
        this.acknowledge(status).catch(() => {});
      }
    }
    this.#wake();
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }

  #post(body: Buffer, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { url } = this.#options;
    return new Promise((resolve, reject) => {
      const sent = request(
        `${url}/api/v1/scheduler`,
        {
          method: 'POST',
          agent: headers['Mesos-Stream-Id'] === undefined ? false : this.#agent,
          headers: {
            'Content-Type': this.mediaType,
            Accept: this.mediaType,
            'Content-Length': body.length,
            ...this.#options.headers,
            ...headers,
          },
        },
        resolve,
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

/** A task of one command line. */
export function aTask(
  id: string,
  agentId: string,
  command: string,
  more: Partial<TaskInfo> & { readonly cpus?: number; readonly memMb?: number } = {},
): TaskInfo {
  const { cpus = 0.1, memMb = 32, ...rest } = more;
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
      { name: 'mem', type: 'SCALAR', scalar: { value: memMb } },
    ],
    command: { value: command },
    ...rest,
  };
}
