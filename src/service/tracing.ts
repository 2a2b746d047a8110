/**
 * OpenTelemetry traces from a job's submission to its end. The submission is the root; its context is kept with the job, and the
 * scheduler adds what follows when it is over, with the dates of the record: a trace survives restarts and changes of the leader.
 * Nothing of OpenTelemetry is loaded unless a collector is configured; one that is away costs a bounded queue, and nobody waits.
 */
import type { Attributes, Context, Tracer } from '@opentelemetry/api';
import type { Events } from '../contracts/events.js';
import type { Log } from '../contracts/log.js';
import type { Tracing } from '../contracts/tracing.js';
import type { Job, LaunchingJob, OverJob } from '../core/job.js';
import { codeOf } from '../core/job.js';
import { inTime } from '../daemon/in-time.js';
import { systemTimers } from '../host/system.js';
import type { Foundation } from './foundation.js';
import { version } from './version.js';

const SPANS_KEPT_MAX = 8_192;
const SENT_EACH_MS = 2_000;
const ANSWER_MS_MAX = 5_000;
/** A clean stop waits this long for the last spans to go out. */
const STOP_MS_MAX = 1_000;

export interface JobTracing extends Tracing {
  /** Adds what becomes of traced jobs. */
  follow(events: Events): void;
}

/** `00-<trace id>-<span id>-<flags>`; ids of zeros are none. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

type Api = typeof import('@opentelemetry/api');

/** Undefined: off. */
export async function openTracing(
  {
    config,
    log,
    stack,
    installation,
  }: Pick<Foundation, 'config' | 'log' | 'stack' | 'installation'>,
  role: string,
): Promise<JobTracing | undefined> {
  const { tracing } = config.monitoring;
  if (tracing === null) return undefined;
  const api = await import('@opentelemetry/api');
  const { BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } =
    await import('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  complain(api, log.with({ part: 'traces' }));
  const exporter = new OTLPTraceExporter({ url: tracing.endpoint, timeoutMillis: ANSWER_MS_MAX });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'godocker',
      'service.namespace': installation,
      'service.version': version(),
      'service.instance.id': `${role}-${process.pid}`,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(tracing.sample) }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, {
        maxQueueSize: SPANS_KEPT_MAX,
        scheduledDelayMillis: SENT_EACH_MS,
        exportTimeoutMillis: ANSWER_MS_MAX,
      }),
    ],
  });
  stack.push('traces', () => stopped(provider.shutdown()));
  return tracingWith(api, provider.getTracer('godocker', version()));
}

/** Said once in a while by the library itself; nobody but the log hears of it. */
function complain(api: Api, log: Log): void {
  const pass = (message: string) => log.warn('traces not sent', { detail: message.slice(0, 500) });
  const ignore = () => {};
  api.diag.setLogger(
    { error: pass, warn: pass, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

async function stopped(work: Promise<void>): Promise<void> {
  // A collector that is away at our end has nothing of us to lose but the last spans.
  await inTime(
    work.catch(() => {}),
    STOP_MS_MAX,
    systemTimers,
  );
}

/** What is told, with a tracer of whatever kind. */
export function tracingWith(api: Api, tracer: Tracer): JobTracing {
  const behind = (parent: string): Context => {
    const [, traceId, spanId, flags = '00'] = TRACEPARENT.exec(parent) ?? [];
    if (traceId === undefined || spanId === undefined) return api.ROOT_CONTEXT;
    const traceFlags = Number.parseInt(flags, 16) & api.TraceFlags.SAMPLED;
    const context = { traceId, spanId, traceFlags, isRemote: true };
    return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
  };
  const span = (job: Job, name: string, from: number, until: number, attributes: Attributes) => {
    const { trace } = job.spec;
    if (trace === undefined) return;
    const known = { ...attributes, 'godocker.job.id': job.id };
    tracer.startSpan(name, { startTime: from, attributes: known }, behind(trace)).end(until);
  };
  return {
    submission: (parent, at) => {
      const kind = api.SpanKind.SERVER;
      const root = tracer.startSpan('submission', { startTime: at, kind }, behind(parent));
      const { traceId, spanId, traceFlags } = root.spanContext();
      if ((traceFlags & api.TraceFlags.SAMPLED) === 0) return undefined;
      return {
        context: `00-${traceId}-${spanId}-01`,
        ended: (jobId) => {
          if (jobId === null) root.setStatus({ code: api.SpanStatusCode.ERROR });
          else root.setAttribute('godocker.job.id', jobId);
          root.end();
        },
      };
    },
    follow: (events) => {
      events.on('job:launched', ({ job, at }) => launchSpans(job, at, span));
      events.on('job:ended', ({ job }) => endSpans(job, span));
    },
  };
}

type Tell = (job: Job, name: string, from: number, until: number, attributes: Attributes) => void;

/** The way to a place, and from there to the cluster. */
function launchSpans(job: LaunchingJob, sentAt: number, span: Tell): void {
  const { submittedAt, launches, placement } = job;
  const { placedAt, taskId, host, executor } = placement;
  const attributes = {
    'godocker.task.id': taskId,
    'godocker.launch': launches,
    'godocker.executor': executor,
    'host.name': host,
  };
  // Of a job that is launched again only the first wait is told: it has run between.
  if (launches === 1) span(job, 'wait', submittedAt, Math.max(submittedAt, placedAt), {});
  span(job, 'launch', placedAt, Math.max(placedAt, sentAt), attributes);
}

function endSpans(job: OverJob, span: Tell): void {
  const { startedAt, endedAt, placement, outcome } = job;
  if (startedAt !== null && placement !== null)
    span(job, 'run', startedAt, Math.max(startedAt, endedAt), {
      'godocker.task.id': placement.taskId,
      'host.name': placement.host,
    });
  span(job, 'end', endedAt, endedAt, {
    'godocker.outcome': outcome.kind,
    'godocker.exit_code': codeOf(outcome),
  });
}
