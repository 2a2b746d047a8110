/** Every error a caller may meet. The code is API: renaming one is a breaking change. */
const STATUS = {
  'bad-request': 400,
  'bad-json': 400,
  'bad-field': 400,
  'unknown-field': 400,
  'bad-id': 400,
  'bad-path': 400,
  'impossible-job': 400,
  'not-supported': 400,
  'unknown-image': 400,
  'unknown-volume': 400,
  'bad-credentials': 401,
  'no-token': 401,
  'bad-token': 401,
  forbidden: 403,
  'quota-exceeded': 403,
  'job-not-found': 404,
  'file-not-found': 404,
  'user-not-found': 404,
  'project-not-found': 404,
  'key-not-found': 404,
  'node-not-found': 404,
  'route-not-found': 404,
  'method-not-allowed': 405,
  'key-reused': 409,
  'name-taken': 409,
  'wrong-state': 409,
  'too-large': 413,
  'range-not-satisfiable': 416,
  'rate-limited': 429,
  internal: 500,
  'store-unavailable': 503,
  maintenance: 503,
  'auth-unavailable': 503,
  'cluster-unavailable': 503,
} as const;

export type ErrorCode = keyof typeof STATUS;
export const ERROR_CODES = Object.keys(STATUS) as readonly ErrorCode[];

export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>;

/** The world failed or the caller erred: a closed code and facts; `detail` is a sentence for people. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(detail, options);
    this.code = code;
    this.facts = facts;
  }

  get status(): number {
    return STATUS[this.code];
  }
}
