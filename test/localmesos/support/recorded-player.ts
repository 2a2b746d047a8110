/** Plays recorded requests against a local node, byte by byte as they were but for ids, and compares what it says. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Test } from 'tap';
import { decodeEvent, JSON_TYPE } from '../../../src/mesos/codec.js';
import type { Event, TaskStatus } from '../../../src/mesos/messages.js';
import { RecordDecoder } from '../../../src/mesos/recordio.js';

export interface Exchange {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly events?: readonly Event[];
}

/** Compiled suites stand in dist/test; the recordings stay where they are committed. */
const TRANSCRIPTS = new URL('../../../../test/transcripts/', import.meta.url);

export function recorded(name: string): Exchange[] {
  const path = new URL(`exchanges-${name}-mesos-1.12.0.jsonl`, TRANSCRIPTS);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Exchange);
}

interface Head {
  readonly status: string;
  readonly headers: Readonly<Record<string, string>>;
}

function headOf(text: string): Head {
  const [status = '', ...lines] = (text.split('\r\n\r\n')[0] ?? '').split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { status, headers: Object.fromEntries(headers) };
}

const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

/** One request on a connection of its own; resolves with all bytes of the answer once it is complete. */
function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (isComplete(answer)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

function isComplete(answer: string): boolean {
  if (!answer.includes('\r\n\r\n')) return false;
  const { headers } = headOf(answer);
  const length = headers['Content-Length'];
  return length === undefined
    ? answer.endsWith('0\r\n\r\n')
    : bodyOf(answer).length >= Number(length);
}

/** A subscription over a plain socket: keeps what came. */
class Listener {
  readonly events: Event[] = [];
  head = '';
  isOver = false;
  readonly #socket;

  constructor(port: number, request: string) {
    const decoder = new RecordDecoder();
    let text = '';
    this.#socket = connect(port, '127.0.0.1', () => this.#socket.write(request, 'latin1'));
    this.#socket.on('error', () => {});
    this.#socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (this.head === '' && text.includes('\r\n\r\n')) {
        this.head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
        text = text.slice(this.head.length);
      }
      for (
        let chunk = /^([0-9a-f]+)\r\n/.exec(text);
        chunk !== null;
        chunk = /^([0-9a-f]+)\r\n/.exec(text)
      ) {
        const size = Number.parseInt(chunk[1] ?? '', 16);
        const end = chunk[0].length + size + 2;
        if (text.length < end) return;
        if (size === 0) this.isOver = true;
        const records = decoder.push(Buffer.from(text.slice(chunk[0].length, end - 2), 'latin1'));
        // What third-party clients need: one record is exactly one chunk.
        if (size > 0 && records.length !== 1)
          throw new Error(`${records.length} records in a chunk`);
        for (const record of records) this.#take(decodeEvent(record, JSON_TYPE));
        text = text.slice(end);
      }
    });
  }

  told: (status: TaskStatus) => void = () => {};

  #take(event: Event): void {
    this.events.push(event);
    if (event.update !== undefined) this.told(event.update.status);
  }

  get updates(): TaskStatus[] {
    return this.events.flatMap(({ update }) => (update === undefined ? [] : [update.status]));
  }

  get streamId(): string {
    return headOf(this.head).headers['Mesos-Stream-Id'] ?? '';
  }

  close(): void {
    this.#socket.destroy();
  }
}

export async function until<T>(
  found: () => T | undefined | false,
  what: string,
  withinMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = found();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What a status says, without what each master makes up: times, ids, numbers of processes, places of folders. */
function gist(status: TaskStatus): unknown {
  const { timestamp, uuid, container_status, agent_id, message, ...rest } = status;
  const { executor_pid: _, container_id, ...container } = container_status ?? {};
  return {
    ...rest,
    ...(message === undefined ? {} : { message: plain(message) }),
    ...(agent_id === undefined ? {} : { agent_id: plain(agent_id.value) }),
    hasUuid: uuid !== undefined,
    hasTime: timestamp !== undefined,
    ...(container_status === undefined ? {} : { container, hasId: container_id !== undefined }),
  };
}

const plain = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-O\d+/g, 'OFFER')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d{4}/g, 'FRAMEWORK')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-S/g, 'MASTER-S')
    .replace(/'[^']*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'/g, 'NAMED BY UUID');

/** By task, what was said of it, in order; what was said twice (a repetition) counts once. */
function story(updates: readonly TaskStatus[]): Record<string, unknown[]> {
  const told: Record<string, unknown[]> = {};
  const seen = new Set<string>();
  for (const status of updates) {
    if (status.uuid !== undefined && seen.has(status.uuid)) continue;
    if (status.uuid !== undefined) seen.add(status.uuid);
    told[status.task_id.value] = [...(told[status.task_id.value] ?? []), gist(status)];
  }
  return told;
}

/** Plays one recording's exchanges against a node, translating ids. */
export class Player {
  readonly #port: number;
  readonly #recordedEvents: Event[] = [];
  readonly #offers = new Map<string, readonly string[]>();
  readonly #used = new Set<string>();
  readonly #t: Test;
  readonly #launched = new Set<string>();
  /** Tasks whose updates are acknowledged by recorded requests only. */
  readonly byHand = new Set<string>();
  listener: Listener | undefined;

  constructor(t: Test, { port }: { readonly port: number }) {
    this.#t = t;
    this.#port = port;
  }

  async play(step: Exchange): Promise<void> {
    const [head = '', body = ''] = [
      step.request.slice(0, step.request.indexOf('\r\n\r\n')),
      bodyOf(step.request),
    ];
    if (step.events !== undefined) {
      this.#recordedEvents.push(...step.events);
      const translated = await this.#translate(body);
      this.listener?.close();
      this.listener = new Listener(this.#port, withBody(head, translated));
      const { listener } = this;
      listener.told = (status) => this.#acknowledge(listener, status);
      await until(
        () => listener.head !== '' && listener.events.length > 0,
        `${step.name} subscribed`,
      );
      this.#sameHead(listener.head, step.response, step.name);
      return;
    }
    await this.#readyFor(body);
    const call = await this.#translate(body);
    const answer = await exchange(this.#port, withBody(this.#withStream(head), call));
    this.#sameHead(answer, step.response, step.name);
    this.#t.equal(plain(bodyOf(answer)), plain(bodyOf(step.response)), `${step.name}: body`);
  }

  /** The recorder waited before some requests; what it waited for is seen in its events. */
  async #readyFor(body: string): Promise<void> {
    for (const [, id = ''] of body.matchAll(/"task_id": {"value": "([^"]+)"}/g)) {
      if (body.includes('"ACCEPT"')) this.#launched.add(id);
    }
    if (body.includes('"TEARDOWN"') || body.includes('"UPDATE_FRAMEWORK"')) {
      await until(() => this.#isComplete(), 'all updates').catch(() => {});
    } else if (body.includes('"RECONCILE"') || body.includes('"KILL"')) {
      const ran = ({ task_id, state, uuid }: TaskStatus, id: string) =>
        task_id.value === id && state === 'TASK_RUNNING' && uuid !== undefined;
      for (const id of this.#launched) {
        const mustRun = this.#recorded.some((status) => ran(status, id));
        const runs = () => this.listener?.updates.some((status) => ran(status, id));
        if (mustRun) await until(runs, `${id} to run`);
      }
    }
  }

  #acknowledge(listener: Listener, { task_id, agent_id, uuid }: TaskStatus): void {
    if (uuid === undefined || this.byHand.has(task_id.value)) return;
    const framework_id = listener.events[0]?.subscribed?.framework_id;
    const call = { type: 'ACKNOWLEDGE', framework_id, acknowledge: { task_id, agent_id, uuid } };
    const body = JSON.stringify(call);
    const head = `POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${JSON_TYPE}\r\nMesos-Stream-Id: ${listener.streamId}\r\nContent-Length: 0`;
    exchange(this.#port, withBody(head, body)).catch((error) => this.#t.fail(String(error)));
  }

  get #recorded(): TaskStatus[] {
    return this.#recordedEvents.flatMap(({ update }) => update?.status ?? []);
  }

  #isComplete(): boolean {
    const size = (told: Record<string, unknown[]>) => Object.values(told).flat().length;
    return size(story(this.listener?.updates ?? [])) >= size(story(this.#recorded));
  }

  get frameworkId(): string {
    return this.listener?.events[0]?.subscribed?.framework_id.value ?? 'no-framework';
  }

  get master(): string {
    const id = this.listener?.events[0]?.subscribed?.master_info?.id;
    return id ?? 'no-master';
  }

  #sameHead(answer: string, recordedAnswer: string, name: string): void {
    const [got, wanted] = [headOf(answer), headOf(recordedAnswer)];
    this.#t.equal(got.status, wanted.status, `${name}: status`);
    const [ours, theirs] = [got.headers, wanted.headers];
    this.#t.same(Object.keys(ours).sort(), Object.keys(theirs).sort(), `${name}: headers`);
    for (const key of ['Content-Type', 'Allow', 'WWW-Authenticate', 'Transfer-Encoding']) {
      this.#t.equal(ours[key], theirs[key], `${name}: ${key}`);
    }
  }

  /** A recorded stream id is ours by now, unless the request is about a wrong one. */
  #withStream(head: string): string {
    const known = this.listener?.streamId;
    if (known === undefined || head.includes('00000000-0000')) return head;
    return head.replace(/(Mesos-Stream-Id: )\S+/i, `$1${known}`);
  }

  async #translate(body: string): Promise<string> {
    let text = body;
    for (const offer of new Set(body.match(/[0-9a-f-]{36}-O\d+/g) ?? [])) {
      const ours = await this.#offersFor(offer);
      const list = ours.map((value) => `{"value": "${value}"}`).join(', ');
      text = text.replace(`{"value": "${offer}"}`, list);
    }
    const uuid = /"uuid": "([^"]{24})"/.exec(body)?.[1];
    if (uuid !== undefined) text = text.replace(uuid, await this.#uuidFor(uuid));
    const uuids = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
    return text
      .replace(new RegExp(`${uuids}-S(\\d)`, 'g'), `${this.master}-S$1`)
      .replace(new RegExp(`${uuids}-\\d{4}`, 'g'), this.frameworkId);
  }

  /** All that we hold of the agent that the recorded offer was of; the same again when it is used again. */
  async #offersFor(id: string): Promise<readonly string[]> {
    const known = this.#offers.get(id);
    if (known !== undefined) return known;
    const of = (events: readonly Event[]) => events.flatMap(({ offers }) => offers?.offers ?? []);
    const agent = of(this.#recordedEvents)
      .find((offer) => offer.id.value === id)
      ?.agent_id.value.slice(-2);
    if (agent === undefined) return [id];
    const free = () =>
      of(this.listener?.events ?? [])
        .filter((offer) => offer.agent_id.value.endsWith(agent))
        .map((offer) => offer.id.value)
        .filter((value) => !this.#used.has(value));
    const ours = await until(() => free().length > 0 && free(), `an offer of agent ${agent}`);
    for (const value of ours) this.#used.add(value);
    this.#offers.set(id, ours);
    return ours;
  }

  /** Our uuid of the update that the recorded uuid belongs to. */
  async #uuidFor(uuid: string): Promise<string> {
    const theirs = this.#recorded.find((status) => status.uuid === uuid);
    if (theirs === undefined) return uuid;
    const isIt = (status: TaskStatus) =>
      status.task_id.value === theirs.task_id.value &&
      status.state === theirs.state &&
      status.uuid !== undefined;
    const ours = await until(
      () => this.listener?.updates.find(isIt),
      `${theirs.task_id.value} ${theirs.state}`,
    );
    return ours.uuid ?? '';
  }

  /** Waits until as much was told as in the recording, then compares the stories of all tasks. */
  async sameStories(): Promise<void> {
    const wanted = story(this.#recorded);
    const ours = () => story(this.listener?.updates ?? []);
    await until(() => this.#isComplete(), 'the whole story').catch(() => {});
    for (const [task, told] of Object.entries(wanted))
      this.#t.same(ours()[task], told, `story of ${task}`);
    this.#t.same(Object.keys(ours()).sort(), Object.keys(wanted).sort(), 'the same tasks');
  }
}

function withBody(head: string, body: string): string {
  const bytes = Buffer.byteLength(body, 'latin1');
  return `${head.replace(/(Content-Length: )\d+/, `$1${bytes}`)}\r\n\r\n${body}`;
}
