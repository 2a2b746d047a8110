/** Sentences for people, made out of codes and facts at the edge. */

import { unreachable } from '../core/assert.js';
import type { Outcome, Reason } from '../core/job.js';
import { codeOf } from '../core/job.js';
import { clusterReason } from './cluster-reasons.js';
import { describeQuotaReached } from './limit-words.js';

/**
 * What `status.reason` says: what happened, the cluster's reason where it adds something, its own words; and after the
 * last of several launches how many there were.
 */
export const describeReason = (reason: Reason): string => sentenceOf(reason) + history(reason);

/** What is added to the reason of the last of several launches. */
function history({ facts: { launches, memMb } }: Reason): string {
  if (typeof launches !== 'number') return '';
  const memory = typeof memMb === 'number' ? `, the last with ${memMb / 1000} GB of memory` : '';
  return ` (launched ${launches === 1 ? 'once' : `${launches} times`}${memory})`;
}

function sentenceOf({ code, facts }: Reason): string {
  const sentence = typeof facts.reason === 'string' ? clusterReason(facts.reason) : undefined;
  const words = facts.message === undefined ? '' : `: ${facts.message}`;
  const detail = sentence === undefined ? words : `. ${sentence}${words}`;
  switch (code) {
    case 'agent-lost':
      return `The agent that ran the job was lost${detail}`;
    case 'agent-gone':
      return `The agent that ran the job was removed from the cluster${detail}`;
    case 'executor-terminated':
      return `${sentence ?? 'The executor of the task ended unexpectedly'}${words}`;
    case 'container-launch-failed':
      return `System crashed or failed to start the task${words}`;
    case 'registry-trouble':
      return `The image could not be pulled: its registry refused for now, or could not be reached${words}`;
    case 'no-such-image':
      return `There is no such image, or it may not be pulled${words}`;
    case 'task-error':
      return `The cluster refused the task${detail}`;
    case 'dropped':
      return `The task never reached an agent${detail}`;
    case 'killed-by-cluster':
      return `The cluster killed the task${detail}`;
    case 'out-of-memory':
      return `The job used more memory than it asked for and was ended${words}`;
    case 'resource-limit':
      return `${sentence ?? 'The job used more of a resource than it asked for and was ended'}${words}`;
    case 'killed-by-signal':
      return `Ended by signal 9, which nobody sent from here: mostly that is the system, short of memory${words}`;
    case 'max-duration':
      return `Max duration reached${words}`;
    case 'suspect-agent':
      return `Jobs of several users failed on agent ${facts.host} within seconds (this one: ${facts.how})`;
    case 'preempted':
      return `Stopped on ${facts.host} for a job of a user who is far below their share`;
    case 'rescheduled':
      return `${facts.by} wanted the job launched anew`;
    case 'job-directory':
      return `The job directory could not be made${detail}`;
    case 'impossible':
      return `No agent could ever run this${detail}`;
    case 'not-authorized':
      return 'Not authorized';
    case 'quota-exceeded':
      return describeQuotaReached({ code, facts });
    case 'exit-code-unknown':
      return `The exit code could not be found out${detail}`;
    case 'dependency-never':
      return describeNever(facts);
    case 'members-failed':
      return `${facts.failed} of ${facts.members} members of the array did not end with code 0`;
    case 'watcher':
      return `Ended by the watcher "${facts.watcher}" of this site${facts.because === undefined ? '' : `: ${facts.because}`}`;
    case 'retries-used-up':
      return 'The rules of the job grant no further launch';
    case 'cluster-said':
      return `The cluster said${detail === '' ? ' nothing more' : detail}`;
    default:
      return unreachable(code);
  }
}

/** What the type of a dependency asks of the job that is waited for. */
const ASKED: Readonly<Record<string, string>> = {
  afterok: '0',
  aftercorr: '0',
  afternotok: 'another code than 0',
};

function describeNever({ type, job, exitCode }: Reason['facts']): string {
  const how = exitCode === undefined ? 'is not on record any more' : `ended with code ${exitCode}`;
  return `dependency never satisfied: job ${job} ${how}, ${type} asked for ${ASKED[type ?? ''] ?? 'its end'}`;
}

/** The words an outcome has on the wire. */
export function describeOutcome(outcome: Outcome): {
  readonly secondary: string;
  readonly exitCode: number;
  readonly reason: string | null;
} {
  switch (outcome.kind) {
    case 'exited': {
      const reason = outcome.because === null ? null : describeReason(outcome.because);
      return { secondary: '', exitCode: codeOf(outcome), reason };
    }
    case 'killed': {
      const reason = outcome.because === undefined ? null : describeReason(outcome.because);
      return { secondary: 'killed', exitCode: codeOf(outcome), reason };
    }
    case 'gaveUp': {
      return {
        secondary: secondaryOf(outcome.because),
        exitCode: codeOf(outcome),
        reason: describeReason(outcome.because),
      };
    }
    case 'unknown':
      return { secondary: '', exitCode: codeOf(outcome), reason: describeReason(outcome.because) };
    default:
      return unreachable(outcome);
  }
}

function secondaryOf({ code }: Reason): string {
  if (code === 'quota-exceeded') return 'quota reached';
  const isRefused =
    code === 'not-authorized' || code === 'impossible' || code === 'dependency-never';
  return isRefused ? 'rejected by scheduler' : '';
}
