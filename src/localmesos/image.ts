/** The Docker image of a task, whichever containerizer it is meant for. */
import type { ContainerInfo } from '../mesos/messages.js';

export interface TaskImage {
  readonly name: string;
  /** Pulled although the daemon has it. */
  readonly isPullForced: boolean;
  /** Docker's `config.json` with credentials for its registry, or null. */
  readonly credentials: Buffer | null;
}

/** Undefined: the task brings no image. */
export function imageOf(container: ContainerInfo | undefined): TaskImage | undefined {
  if (container?.docker !== undefined && container.type === 'DOCKER') {
    const { image: name, force_pull_image: isPullForced = false } = container.docker;
    return { name, isPullForced, credentials: null };
  }
  const image = container?.mesos?.image;
  if (image?.docker === undefined) return undefined;
  const data = image.docker.config?.value?.data;
  return {
    name: image.docker.name,
    isPullForced: image.cached === false,
    credentials: data === undefined ? null : Buffer.from(data, 'base64'),
  };
}
