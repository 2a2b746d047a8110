/** Credentials for a registry out of Docker's `config.json`, in the form that its daemon takes them. */

const HUB = 'https://index.docker.io/v1/';

/** The registry that an image is pulled from, as `config.json` names it. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? first : HUB;
}

/**
 * The value of `X-Registry-Auth`; undefined when the file has nothing for this image's registry.
 * @throws Error when it is no such file; the message holds nothing of it
 */
export function registryAuth(file: Buffer, image: string): string | undefined {
  const registry = registryOf(image);
  const auths = at(parsed(file), 'auths');
  const keys = [registry, `https://${registry}`, `https://${registry}/v1/`, `https://${registry}/`];
  const key = keys.find((one) => isObject(at(auths, one)));
  const auth = key === undefined ? undefined : at(at(auths, key), 'auth');
  if (typeof auth !== 'string') return undefined;
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) throw new Error(`the credentials for '${registry}' cannot be read`);
  const credential = {
    username: text.slice(0, colon),
    password: text.slice(colon + 1),
    serveraddress: registry,
  };
  // The daemon wants the alphabet of URLs and the padding, which Node leaves out of it; without, it takes it for nothing.
  const text64 = Buffer.from(JSON.stringify(credential)).toString('base64');
  return text64.replaceAll('+', '-').replaceAll('/', '_');
}

function parsed(file: Buffer): unknown {
  try {
    return JSON.parse(file.toString('utf8'));
  } catch {
    // What a parser says quotes what it read.
    throw new Error('the credentials of the image are not JSON');
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const at = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
