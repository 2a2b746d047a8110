/**
 * Why an image could not be had, out of the words of Docker's daemon and of Mesos' agents: whether the registry could
 * not be asked or would not serve now, which nobody who submitted a job can help, or there is no such image.
 */

/** `registry`: later it may work. `image`: it would not. */
export type ImageTrouble = 'registry' | 'image';

/** Only of these is a message about an image: programs that are not found, and others' timeouts, are none of ours. */
const ABOUT_AN_IMAGE = /\bpull(ing)?\b|\bmanifest\b|\bregistry\b|\bcurl\b|\bblob\b|\blayer\b/i;
/** The command that failed names the image, and images may be named like anything. */
const COMMAND = /Failed to run '[^']*'|Failed to pull the image \S+/g;

/** Beyond all doubt, and before anything else: some registries wrap it in a "denied". */
const RATE_LIMIT = /too ?many ?requests|\bHTTP 429\b|\berror: 429\b|pull rate limit/i;

const NO_SUCH_IMAGE: readonly RegExp[] = [
  /manifest unknown|name unknown|repository name not known|manifest for \S+ not found/i,
  /pull access denied|requested access to the resource is denied|no pull access/i,
  /\bunauthorized\b|no basic auth credentials|authentication required/i,
  /invalid reference format|invalid repository name|must be lowercase/i,
  /no matching manifest for/i,
  /\b(401 unauthorized|403 forbidden|404 not found)\b|\b(HTTP|error:) 40[134]\b/i,
  /(repository|image|reference|tag) \S+ (was )?not found|not found: does not exist|: not found['"\s]*$/i,
];

const NOT_NOW: readonly RegExp[] = [
  /\b5\d\d (internal server error|bad gateway|service unavailable|gateway time-?out)/i,
  /(http status:?|http response '?|HTTP|error:) 5\d\d\b/i,
  /time-?out|timed out|deadline exceeded|request canceled|does not answer/i,
  /connection (refused|reset)|failed to connect|no route to host|network is unreachable/i,
  /no such host|could not resolve|name resolution|server misbehaving/i,
  /x509|certificate|\btls\b|HTTP response to HTTPS client|\bSSL\b/i,
  /\bEOF\b|broken pipe|other side closed|ECONNRE(FUSED|SET)/i,
  // It arrived damaged, or the agent has no room for it: another time, another agent.
  /verification failed|digest mismatch|short read|failed to register layer|no space left/i,
];

/** Undefined: about something else, or in words we do not know. */
export function imageTrouble(message: string): ImageTrouble | undefined {
  if (!ABOUT_AN_IMAGE.test(message)) return undefined;
  const said = message.replace(COMMAND, '').trim();
  if (RATE_LIMIT.test(said)) return 'registry';
  if (NO_SUCH_IMAGE.some((words) => words.test(said))) return 'image';
  return NOT_NOW.some((words) => words.test(said)) ? 'registry' : undefined;
}
