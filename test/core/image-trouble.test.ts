/** Whose fault it is that an image cannot be had. Texts as daemons and agents have written them, names changed. */
import t from 'tap';
import { type ImageTrouble, imageTrouble } from '../../src/core/image-trouble.js';

const byAgent = (stderr: string, image = 'lab/tool:1') =>
  `Failed to launch container: Failed to run '/usr/bin/docker -H unix:///var/run/docker.sock pull ${image}': exited with status 1; stderr='Error response from daemon: ${stderr}\n'`;
const byNode = (words: string, image = 'lab/tool:1') =>
  `Failed to launch container: Failed to pull the image ${image}: ${words}`;
const byProvisioner = (words: string) => `Failed to launch container: ${words}`;

const REGISTRY = [
  'toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading',
  'toomanyrequests: retry-after: 985.86µs, allowed: 44000/minute',
  'denied: too many requests, try again later',
  'error parsing HTTP 429 response body: invalid character \'<\' looking for beginning of value: "<html>"',
  'unexpected status from HEAD request to https://r.example/v2/lab/tool/manifests/1: 429 Too Many Requests',
  'received unexpected HTTP status: 500 Internal Server Error',
  'received unexpected HTTP status: 503 Service Unavailable',
  'error parsing HTTP 502 response body: invalid character',
  'Get "https://r.example/v2/": net/http: TLS handshake timeout',
  'Get "https://r.example/v2/": dial tcp 192.0.2.1:443: i/o timeout',
  'Get "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
  'Get "https://r.example/v2/": dial tcp: lookup r.example on 192.0.2.53:53: no such host',
  'Get "https://r.example/v2/": dial tcp: lookup r.example: Temporary failure in name resolution',
  'Get "https://r.example/v2/": x509: certificate signed by unknown authority',
  'Get "https://r.example/v2/": http: server gave HTTP response to HTTPS client',
  'Get "https://r.example/v2/": EOF',
  'Get "https://r.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
  'context deadline exceeded',
  'read tcp 192.0.2.7:4711->192.0.2.1:443: read: connection reset by peer',
  'filesystem layer verification failed for digest sha256:00',
  'failed to register layer: write /usr/lib/x: no space left on device',
];

const IMAGE = [
  'manifest for lab/tool:1 not found: manifest unknown: manifest unknown',
  'manifest unknown',
  'name unknown: The repository does not exist in the registry',
  "pull access denied for lab/tool, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
  'repository lab/tool not found: does not exist or no pull access',
  'unauthorized: authentication required',
  'Head "https://r.example/v2/lab/tool/manifests/1": no basic auth credentials',
  'invalid reference format',
  'invalid reference format: repository name (lab/Tool) must be lowercase',
  'no matching manifest for linux/amd64 in the manifest list entries',
  'failed to resolve reference "r.example/lab/tool:1": r.example/lab/tool:1: not found',
];

const OTHERS: readonly [string, ImageTrouble | undefined][] = [
  [
    byProvisioner(
      "Unexpected HTTP response '429 Too Many Requests' when trying to get the manifest",
    ),
    'registry',
  ],
  [
    byProvisioner(
      "Unexpected HTTP response '503 Service Unavailable' when trying to get the manifest",
    ),
    'registry',
  ],
  [
    byProvisioner("Unexpected HTTP response '404 Not Found' when trying to get the manifest"),
    'image',
  ],
  [
    byProvisioner("Unexpected HTTP response '401 Unauthorized' when trying to get the manifest"),
    'image',
  ],
  [
    byProvisioner("Failed to perform 'curl': curl: (6) Could not resolve host: r.example"),
    'registry',
  ],
  [
    byProvisioner("Failed to perform 'curl': curl: (7) Failed to connect to r.example port 443"),
    'registry',
  ],
  [
    byProvisioner(
      "Failed to perform 'curl': curl: (22) The requested URL returned error: 500 Internal Server Error",
    ),
    'registry',
  ],
  [
    byProvisioner(
      "Failed to perform 'curl': curl: (22) The requested URL returned error: 404 Not Found",
    ),
    'image',
  ],
  [byNode('Docker does not answer: other side closed'), 'registry'],
  // About something else.
  [byProvisioner("Failed to fetch all URIs for container 'c1': exited with status 1"), undefined],
  [byProvisioner('exec: "/opt/tool": stat /opt/tool: no such file or directory'), undefined],
  [byProvisioner('OCI runtime create failed: executable file not found in $PATH'), undefined],
  [byProvisioner("host path '/etc' is not among the folders that may be mounted"), undefined],
  [byProvisioner('context deadline exceeded'), undefined],
  [byAgent('something nobody has heard of'), undefined],
];

t.test('a registry that refuses or is away: later it may work', async (t) => {
  for (const words of REGISTRY)
    for (const message of [byAgent(words), byNode(words)])
      t.equal(imageTrouble(message), 'registry', message);
});

t.test('an image that is not there will not be there later', async (t) => {
  for (const words of IMAGE)
    for (const message of [byAgent(words), byNode(words)])
      t.equal(imageTrouble(message), 'image', message);
});

t.test('provisioners, and what is about no image', async (t) => {
  for (const [message, trouble] of OTHERS) t.equal(imageTrouble(message), trouble, message);
});

t.test('the name of the image decides nothing', async (t) => {
  for (const image of ['lab/timeout:503', 'lab/unauthorized:404', 'lab/toomanyrequests']) {
    t.equal(imageTrouble(byAgent('EOF', image)), 'registry', image);
    t.equal(imageTrouble(byNode('manifest unknown', image)), 'image', image);
  }
});
