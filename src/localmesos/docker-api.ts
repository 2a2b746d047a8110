/** The few calls of the Docker Engine API that the node makes, over the daemon's unix socket. */
import { Pool } from 'undici';

/** The daemon said no. */
export class DockerRefusal extends Error {
  override readonly name = 'DockerRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What we read of a container's inspection; the rest is passed on unread. */
export interface Inspection {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
  };
  readonly NetworkSettings: {
    readonly IPAddress?: string;
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null;
  };
}

export interface Listed {
  readonly Id: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Images and containers may take this long to be made; pulls have no limit but progress. */
const ANSWER_MS_MAX = 120_000;
const PULL_SILENCE_MS_MAX = 300_000;
/** Side by side; what takes long has connections of its own: waits for ends of containers, and pulls. */
const CONNECTIONS_MAX = 8;
const PULLS_MAX = 32;

export class DockerApi {
  readonly #commands: Pool;
  readonly #waits: Pool;
  readonly #pulls: Pool;

  constructor(socketPath: string) {
    this.#commands = new Pool('http://docker', { socketPath, connections: CONNECTIONS_MAX });
    this.#pulls = new Pool('http://docker', { socketPath, connections: PULLS_MAX });
    this.#waits = new Pool('http://docker', { socketPath, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** The daemon's version; throws when none answers. */
  async version(): Promise<string> {
    const { Version } = (await this.#json('GET', '/version')) as { Version: string };
    return Version;
  }

  async hasImage(image: string): Promise<boolean> {
    try {
      await this.#json('GET', `/images/${encodeURIComponent(image)}/json`);
      return true;
    } catch (error) {
      if (error instanceof DockerRefusal && error.status === 404) return false;
      throw error;
    }
  }

  /** Names of the images that are there, in order; those without a name are left out. */
  async images(): Promise<readonly string[]> {
    const listed = (await this.#json('GET', '/images/json')) as readonly {
      readonly RepoTags: readonly string[] | null;
    }[];
    return listed
      .flatMap(({ RepoTags }) => RepoTags ?? [])
      .filter((tag) => !tag.startsWith('<none>'))
      .sort();
  }

  /** Resolves when the image is there, pulled with `auth` as `X-Registry-Auth` if given; the daemon reports failures in the stream of its progress. */
  async pull(image: string, auth?: string): Promise<void> {
    const { name, tag } = splitImage(image);
    const query = new URLSearchParams({ fromImage: name, tag });
    const { statusCode, body } = await this.#pulls.request({
      method: 'POST',
      path: `/images/create?${query}`,
      ...(auth === undefined ? {} : { headers: { 'x-registry-auth': auth } }),
      headersTimeout: PULL_SILENCE_MS_MAX,
      bodyTimeout: PULL_SILENCE_MS_MAX,
    });
    const text = await body.text();
    if (statusCode >= 400) throw new DockerRefusal(statusCode, messageOf(text));
    for (const line of text.split('\n')) {
      const error = line.trim() === '' ? undefined : (JSON.parse(line) as { error?: string }).error;
      if (error !== undefined) throw new DockerRefusal(500, error);
    }
  }

  async create(name: string, config: unknown): Promise<string> {
    const { Id } = (await this.#json('POST', `/containers/create?name=${name}`, config)) as Listed;
    return Id;
  }

  async start(id: string): Promise<void> {
    await this.#json('POST', `/containers/${id}/start`);
  }

  async inspect(id: string): Promise<Inspection> {
    return (await this.#json('GET', `/containers/${id}/json`)) as Inspection;
  }

  /** Resolves when the container does not run any more; rejects when the connection breaks. */
  async wait(id: string): Promise<void> {
    const { statusCode, body } = await this.#waits.request({
      method: 'POST',
      path: `/containers/${id}/wait?condition=not-running`,
    });
    const text = await body.text();
    if (statusCode >= 400) throw new DockerRefusal(statusCode, messageOf(text));
  }

  async signal(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#json('POST', `/containers/${id}/kill?signal=${signal}`);
  }

  /** @param force also when it runs */
  async remove(id: string, force: boolean): Promise<void> {
    await this.#json('DELETE', `/containers/${id}?v=1&force=${force ? 1 : 0}`);
  }

  /** All containers with this label, whatever their state. */
  async list(label: string): Promise<readonly Listed[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    return (await this.#json('GET', `/containers/json?all=1&filters=${filters}`)) as Listed[];
  }

  async close(): Promise<void> {
    const pools = [this.#commands, this.#waits, this.#pulls];
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  async #json(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#commands.request({
      method,
      path,
      headersTimeout: ANSWER_MS_MAX,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 400) throw new DockerRefusal(answer.statusCode, messageOf(text));
    return text === '' ? null : JSON.parse(text);
  }
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

/** A colon behind the last slash begins the tag; a digest is its own tag. Without one it is `latest`, never all. */
function splitImage(image: string): { name: string; tag: string } {
  const digest = image.indexOf('@');
  if (digest !== -1) return { name: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.indexOf(':', image.lastIndexOf('/') + 1);
  return colon === -1
    ? { name: image, tag: 'latest' }
    : { name: image.slice(0, colon), tag: image.slice(colon + 1) };
}
