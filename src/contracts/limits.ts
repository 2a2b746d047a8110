/** Every bound we set on ourselves, with unit and reason. Sizes of what users send: architecture decision 20. */

/** A script longer than this is a data file: it belongs in the user's directory. */
export const SCRIPT_BYTES_MAX = 1024 * 1024;
/** Everything of a job besides its script, as JSON. */
export const JOB_DOCUMENT_BYTES_MAX = 256 * 1024;
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** Of a body that is too large this much is read and dropped, so that the sender gets to see the answer. */
export const DRAINED_BYTES_MAX = 64 * 1024 * 1024;
/** Longer answers are sent as they come, without a tag for conditional requests. */
export const TAGGED_BYTES_MAX = 256 * 1024;
/** Lists and objects within each other; a submission of old clients has five levels. */
export const JSON_DEPTH_MAX = 64;
/** Of one request with many jobs. */
export const BULK_BYTES_MAX = 64 * 1024 * 1024;
export const BULK_JOBS_MAX = 10_000;
export const NAME_CHARS_MAX = 256;
export const DESCRIPTION_CHARS_MAX = 4_096;
/** Labels, tags, volumes, ports: each list. */
export const LIST_ITEMS_MAX = 64;
export const PAGE_ITEMS_MAX = 1_000;
/** The parent of an array lists the ids of up to so many members; of more, pages of members tell. */
export const ARRAY_TASKS_LISTED_MAX = 10_000;
/** Members of an array whose states are looked at in one question to the store. */
export const MADE_MEMBERS_READ_MAX = 20_000;
/** Arrays that a retry of scattered members may become. */
export const RETRY_ARRAYS_MAX = 100;
/** The core holds them, because it reads arrays. */
export { ARRAY_MEMBERS_MAX, ARRAY_RANGES_MAX } from '../core/array.js';
/** The greatest rate or running limit that may be configured: beyond it a count is no bound. */
export const RATE_LIMIT_MAX = 100_000_000;
/** Of one project: read and written whole. */
export const PROJECT_MEMBERS_MAX = 1_000;

/** API keys of one user, those that have expired and were not cleared away yet included. */
export const KEYS_OF_USER_MAX = 50;
export const KEY_NAME_CHARS_MAX = 64;
export const PASSWORD_CHARS_MIN = 10;
/** Beyond it hashing is work for nothing. */
export const PASSWORD_BYTES_MAX = 1_024;
/** Logins and addresses of which failed sign-ins are remembered, each; the oldest are forgotten. */
export const LOGINS_REMEMBERED_MAX = 20_000;
/** The use of an API key is noted to this much: an hour. */
export const KEY_USE_EACH_MS = 3_600_000;
/** Clocks of the machines of a site differ by less. */
export const CLOCKS_DIFFER_MS_MAX = 10_000;
/** Sessions ended elsewhere are heard of within this time. */
export const REVOKED_EACH_MS = 2_000;
/** Sessions of one user ended one by one; with more, all of them end. */
export const REVOKED_OF_USER_MAX = 100;
/** Web processes look this often whether the service is in maintenance. */
export const MAINTENANCE_FRESH_MS = 1_000;
/** A change of a waiting job is waited for so long; then it is told that it will be made. */
export const WISH_WAIT_MS_MAX = 3_000;
/** Jobs that one request archives or purges: each takes a walk through a directory. */
export const JOBS_PER_ACT_MAX = 10_000;
/** Members of an array that one step takes from the record. */
export const PURGED_AT_ONCE_MAX = 5_000;

/** So long a plugin that is asked during a request may take. */
export const PLUGIN_CALL_MS_MAX = 2_000;

/** A cycle that takes longer is told of: a policy of the site's own is the likely cause. */
export const POLICY_MS_MAX = 1_000;
/** A cycle that has not come back after this never will: the process ends, so that another may lead. */
export const POLICY_STUCK_MS = 10_000;
/** So many such ends, and the policy is not used any more. */
export const POLICY_STUCK_ENDS_MAX = 2;

/** Offers older than this go back to the master: other frameworks wait for what we hoard. */
export const OFFER_HELD_MS_MAX = 5_000;
/** How long a declined agent is not offered to us again, unless we revive. */
export const REFUSE_MS = 5_000;
/** REVIVE clears all filters, so it is worth at most one a second. */
export const REVIVE_EACH_MS_MIN = 1_000;
/** Jobs placed in one cycle; what is left goes on in the next turn. */
export const LAUNCHES_PER_CYCLE_MAX = 1_000;
/** Distinct shapes looked at in one cycle; a cursor goes on in the next. */
export const SHAPES_PER_CYCLE_MAX = 2_000;
/** How everybody stands is told to web processes elsewhere this often; half a megabyte at most. */
export const SHARES_EACH_MS = 10_000;
export const SHARE_ACCOUNTS_MAX = 1_000;
/** Priorities that an administrator sets take effect within this time. */
export const PRIORITIES_EACH_MS = 30_000;
/** An agent for a job that others overtake is looked for, over all agents, at most this often. */
export const RESERVATION_EACH_MS = 1_000;
/** Cycles run on events, at most this often. */
export const CYCLE_EACH_MS_MIN = 5;
/** Job directories made side by side: enough to hide a file server's latency. */
export const DIRECTORIES_AT_ONCE_MAX = 32;
/** What ended is looked for, to have its directory measured, this often. */
export const DISK_LOOK_EACH_MS = 5_000;
/** Directories measured before their sizes are stored together. */
export const DISK_AT_ONCE = 200;
/** Files of one directory that are looked at after its job's end: minutes of a thread. More is said in the log. */
export const DISK_ENTRIES_MAX = 10_000_000;
/** And while it runs: it is looked at again soon. */
export const DISK_ENTRIES_RUNNING_MAX = 200_000;
/** The directory of a job that runs is measured this often, where the site does not say. */
export const DISK_RUNNING_EACH_MS = 600_000;

/** A RecordIO length above this is a broken stream, not a large message. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;
/** What the master keeps of our tasks while we are away. */
export const FAILOVER_TIMEOUT_MS = 7 * 86_400_000;
/** An ACCEPT in doubt, or an update overdue, renews the subscription after this. */
export const UPDATE_OVERDUE_MS = 30_000;
/** After these many missed heartbeats the connection counts as dead. */
export const HEARTBEATS_MISSED_MAX = 5;
/** Back-off between subscriptions: first and largest ceiling. However long a master was away, 15 s after it is back we are, too. */
export const BACKOFF_MS_MIN = 500;
export const BACKOFF_MS_MAX = 10_000;
/** Grace for the old processes of a lost agent before the next launch of their job. */
export const LOST_GRACE_MS = 30_000;
/** Orphans killed in a day without an administrator: a restored backup must not kill a cluster. */
export const ORPHAN_KILLS_MAX = 100;
/** Questions about single tasks that are under way to a cluster at a time: each makes a master look through all it has. */
export const STRAY_ASKS_AT_ONCE_MAX = 2;
/** So long a task of which it cannot be told whether its job takes it back is left alone; then it is an orphan. */
export const STRAY_UNSETTLED_MS_MAX = 5 * 60_000;
export const ORPHAN_KILLS_WINDOW_MS = 86_400_000;
/** Processes and threads of one container: enough for any honest program; a fork bomb ends here. */
export const CONTAINER_PIDS_MAX = 8_192;
/** A task that ignores SIGTERM gets SIGKILL after this. */
export const KILL_GRACE_MS = 5_000;
/** The cluster ends a task this much after its lifespan: second line behind whoever watches lifespans here. */
export const LIFESPAN_SLACK_MS = 30_000;
/** Wait for an exit code file that a slow file server does not show yet. */
export const EXIT_FILE_WAIT_MS = 60_000;
/** The leader reads pending jobs it may have missed this often, looking this far back. */
export const SWEEP_EACH_MS = 5_000;
export const SWEEP_BACK_MS = 60_000;
/** Lease: the holder beats this often, stops itself after `LEASE_RENEW_MS_MAX`, is replaced after `LEASE_STALE_MS`. */
export const LEASE_BEAT_MS = 1_000;
export const LEASE_RENEW_MS_MAX = 3_000;
export const LEASE_STALE_MS = 4_000;
/** Watchers: each raises the beat of its slots this often, … */
export const WATCH_BEAT_MS = 1_500;
/** … acts for none of them if it could not for so long, … */
export const WATCH_RENEW_MS_MAX = 4_000;
/** … and is taken for dead after this: the others have its slots within ten seconds of its end. */
export const WATCH_STALE_MS = 5_500;
/** Calls of one watcher plugin under way in one process. */
export const WATCHER_CALLS_AT_ONCE_MAX = 16;
/** Jobs that run are listed, and those that changed are read, in portions of so many. */
export const WATCHED_JOBS_AT_ONCE = 500;
/** Work that ended jobs left behind is looked for this often, … */
export const AFTERMATH_EACH_MS = 1_000;
/** … done for so many jobs together, … */
export const AFTERMATH_AT_ONCE = 500;
/** … and, of a job whose work failed, tried again after this, then after ever longer, … */
export const AFTERMATH_AGAIN_MS_MIN = 5_000;
/** … and at least this often. */
export const AFTERMATH_AGAIN_MS_MAX = 3_600_000;
/** Of what a watcher plugin says of a kill so much is shown to the job's owner. */
export const WATCHER_WORDS_CHARS_MAX = 500;
/** What the leader tells web processes of itself is looked at, and stored if it changed, this often. */
export const BULLETIN_EACH_MS = 1_000;
/** Shapes whose obstacles a bulletin names: a document of a few ten kilobytes. */
export const BULLETIN_SHAPES_MAX = 200;
/** The master's page of agents is read this often: they come and go slowly. */
export const INVENTORY_EACH_MS = 30_000;
/** A larger page, or more kinds of agents, is no inventory: jobs are then accepted without a look at it. */
export const INVENTORY_BYTES_MAX = 64 * 1024 * 1024;
export const INVENTORY_SHAPES_MAX = 200;
/** Agents that are listed by name; more would make a document of megabytes. */
export const AGENTS_LISTED_MAX = 5_000;
/** Of the reason that an administrator gives for a drain. */
export const DRAIN_REASON_CHARS_MAX = 200;
/** Processes that share an embedded store look this often whether another has written. */
export const STORE_WATCH_EACH_MS = 20;
/** MongoDB: connections of one process, idle ones included. */
export const MONGO_CONNECTIONS_MAX = 32;
/** MongoDB: a primary that is not found within this time is away. */
export const MONGO_CONNECT_MS_MAX = 3_000;
/** MongoDB: a call without an answer after this is in doubt. */
export const MONGO_ANSWER_MS_MAX = 10_000;
/** MongoDB: a lease that was seen longer ago is looked at again before a leader writes. */
export const MONGO_LEASE_SEEN_MS_MAX = 1_000;
/** MongoDB: processes look this often whether another has written. */
export const MONGO_WATCH_EACH_MS = 50;
/** MongoDB: a process tells others of its writes at most this often. */
export const MONGO_BEAT_EACH_MS = 20;
/** MongoDB: jobs that are stored by one insert. */
export const MONGO_INSERT_JOBS_MAX = 1_000;
/** MongoDB: a submission that could not be decided within this time is given up; … */
export const MONGO_DECIDE_MS_MAX = 30_000;
/** … what has been undecided for this long is taken away by whoever sweeps; … */
export const MONGO_SWEEP_EACH_MS = 60_000;
/** … and under the key of such a one the next waits for so long, then takes it away itself. */
export const MONGO_SAME_KEY_WAIT_MS_MAX = 2_000;
/** MongoDB: decisions against submissions are kept for so long, should their process wake up and go on. */
export const MONGO_ABORTED_KEPT_MS = 86_400_000;
/** Redis: nothing waits for it; a server that does not take a connection within this time is away, … */
export const REDIS_CONNECT_MS_MAX = 3_000;
/** … one that does not answer within this is, too: its connections are made anew, … */
export const REDIS_ANSWER_MS_MAX = 2_000;
/** … after this at first, … */
export const REDIS_AGAIN_MS_MIN = 100;
/** … then after ever longer, but at least this often. */
export const REDIS_AGAIN_MS_MAX = 5_000;
/** Redis: whether messages really come back is tried this often. */
export const REDIS_BEAT_EACH_MS = 5_000;
/** Jobs that one message to other processes names, of a kind; of more it says that something changed. */
export const LETTER_IDS_MAX = 1_000;
/** Job changes that are kept for those who were away for a while; of Redis' log so many entries. */
export const NEWS_KEPT_MAX = 10_000;
/** Job changes of one entry of Redis' log: together they are a few megabytes. */
export const NEWS_ENTRY_NOTES_MAX = 20;
/** So many wait to be sent to Redis at most: beyond, all listeners read again. */
export const NEWS_WAITING_MAX = 1_000;
/** Where it is not known which jobs changed, listeners are told to read again at most this often. */
export const NEWS_RESYNC_EACH_MS = 2_000;
/** A store that is away at the start is tried again after this, then after ever longer, … */
export const STORE_AGAIN_MS_MIN = 500;
/** … and at least this often. */
export const STORE_AGAIN_MS_MAX = 10_000;
/** The core holds it, because the life of a job depends on it. */
export { SYSTEM_RETRIES_MAX } from '../core/lifecycle.js';
/** Jobs that one job may depend on. */
export const DEPENDENCIES_MAX = 10_000;
/** A job that is not to start before a date further ahead is a typing mistake. */
export const BEGIN_AHEAD_MS_MAX = 3_650 * 86_400_000;
/** Launches that rules on exit codes may grant, whatever a site configures: beyond, something else is wrong. */
export const OWN_RETRIES_MAX = 100;
/** Rules of one job: people read them. */
export const RETRY_RULES_MAX = 16;
/** Pause that a rule may ask for: a job waits in memory meanwhile. */
export const RETRY_PAUSE_MS_MAX = 86_400_000;
/** Growth from one launch to the next: more is a guess, not a rule. */
export const MEMORY_FACTOR_MAX = 16;

/** Mesos: a SUBSCRIBE whose head, or whose first event, is later than this is given up; the next master is tried. */
export const SUBSCRIBE_ANSWER_MS_MAX = 15_000;
/** Mesos: a call without an answer after this is in doubt. Masters answer in milliseconds. */
export const CALL_ANSWER_MS_MAX = 10_000;
/** Mesos: a clean stop waits this long for the answers to calls under way. */
export const CALLS_DRAIN_MS_MAX = 2_000;
/** Mesos: redirects followed in a row before the masters count as undecided. */
export const REDIRECTS_MAX = 5;
/** Mesos: tasks named in one RECONCILE. A master that parses long ones answers nobody else meanwhile. */
export const RECONCILE_TASKS_MAX = 1_000;
/** Mesos: after an event that could not be read the subscription is renewed, at most this often: it may have held offers. */
export const UNREADABLE_RENEW_EACH_MS = 300_000;
/** Mesos: an offer that could not be read is refused for this long: it would come back the same. */
export const BROKEN_OFFER_REFUSE_MS = 300_000;
/** Mesos: oddities of agents that are remembered, so that each is logged once. */
export const ODDITIES_LOGGED_MAX = 1_000;
/** Mesos: of an error's text we keep this much. */
export const ANSWER_BYTES_MAX = 64 * 1024;
/** Of the pending queue so many jobs get their exact place; those behind get a range. */
export const PLACES_EXACT_MAX = 10_000;
/** So many of them get an estimated start: each is played through the matching, three times. */
export const STARTS_ESTIMATED_MAX = 3_000;
/** An outlook this young is told again. */
export const OUTLOOK_FRESH_MS = 10_000;
/** Of the leader's time the outlook takes at most one part in so many, over a while. */
export const OUTLOOK_TIME_PARTS = 20;
/** It works in portions of this length, with pauses of twice that: cycles go on in between. */
export const OUTLOOK_PORTION_MS = 4;
/** Who asks waits this long for a newer one at most. */
export const OUTLOOK_WAIT_MS_MAX = 3_000;
/** Ends that are read from the record, once a term, so that estimates know how long jobs take. */
export const ENDS_READ_MAX = 1_000;

/** A line of an export beyond this is no record: the largest has a script of 1 MiB, each letter of it escaped. */
export const EXPORT_LINE_BYTES_MAX = 64 * 1024 * 1024;

/** Audit log: what comes again and again is told with its count this often. */
export const AUDIT_WINDOW_MS = 60_000;
/** Of unknown callers so many kinds of refusals are told one by one in that time: with a million addresses at work, some 20 MB a day. */
export const AUDIT_KINDS_MAX = 20;
/** How often a process looks for entries that wait. */
export const AUDIT_AGAIN_MS = 2_000;
/** A clean stop waits this long for the last entries. */
export const AUDIT_STOP_MS_MAX = 1_000;

/** A directory is listed whole up to so many entries, as old clients expect; of more, pages tell. */
export const FILES_LISTED_MAX = 100_000;
/** Entries of one page of a directory. */
export const FILES_PAGE_MAX = 10_000;
/** Directories below one another that an archive goes into: each is reached from the top. */
export const DIRECTORY_DEPTH_MAX = 500;
/** Archives that one user may fetch at a time from one web process: each takes a share of a core while it is packed. */
export const ARCHIVES_OF_USER_MAX = 4;
/** Event streams are told of changes at most this often: four times a second. */
export const EVENTS_EACH_MS = 250;
/** Without a change a stream says this often that it lives; proxies cut what is silent for a minute. Its right is checked again then. */
export const EVENTS_BEAT_MS = 15_000;
/** Changed jobs that are held for one listener that reads slowly; of more it is told to read all again. */
export const EVENTS_HELD_MAX = 1_000;
/** Changes that wait to be told while the store is asked whose they are; of more all are told to read again. */
export const EVENTS_WAITING_MAX = 10_000;
/** Owners of jobs that are remembered, for changes that are told without them. */
export const EVENT_OWNERS_KEPT_MAX = 20_000;
/** Event streams of one user: a browser with many tabs, and scripts. */
export const EVENT_STREAMS_PER_USER_MAX = 20;
/** Of one web process; each takes a connection and some ten kilobytes. */
export const EVENT_STREAMS_MAX = 2_000;
/** A client that lost its stream comes back after this. */
export const EVENTS_AGAIN_MS = 2_000;
/** A cursor is far shorter; what is longer is none. */
export const CURSOR_CHARS_MAX = 200;
/** A log that is followed is looked at this often, by its size: its directory may be on a file server that tells of nothing. */
export const LOG_LOOK_EACH_MS = 500;
/** Of a log so much is read and sent at once. */
export const LOG_PIECE_BYTES = 64 * 1024;
/** Logs that one user follows at once: two files of some jobs. */
export const LOG_FOLLOWERS_PER_USER_MAX = 20;
/** In one web process: each looks at its file twice a second. */
export const LOG_FOLLOWERS_MAX = 500;
/** The job of a followed log is read again at least this often; at once when news tell of it. */
export const LOG_JOB_EACH_MS = 10_000;
/** A file server may show a new file this late after the job's end. */
export const LOG_LATE_MS_MAX = 65_000;

/** Jobs of a user that a dry run looks through for those like the one asked about: one page of the record. */
export const LIKE_JOBS_READ_MAX = 200;
/** Of those that are like it, the latest count: each costs a read. */
export const LIKE_JOBS_MAX = 15;

/** Of a webhook's address. */
export const WEBHOOK_URL_CHARS_MAX = 2_000;
/** A webhook is called, resolved and answered within this, or tried again. */
export const WEBHOOK_ANSWER_MS_MAX = 10_000;
/** Calls under way in one watcher; … */
export const WEBHOOKS_AT_ONCE_MAX = 32;
/** … of them those of one user: a slow service holds up its own user only. */
export const WEBHOOKS_PER_USER_MAX = 4;
/** A call that failed is made again after this, then after ever longer, … */
export const WEBHOOK_AGAIN_MS_MIN = 10_000;
/** … but at least this often, … */
export const WEBHOOK_AGAIN_MS_MAX = 3_600_000;
/** … and is given up this long after what it tells of. */
export const WEBHOOK_GIVEN_UP_MS = 86_400_000;
/** One input file that is uploaded over HTTP, 64 GiB: larger ones belong on the site's own file system. */
export const UPLOAD_BYTES_MAX = 64 * 1024 ** 3;
/** Files that a submission may announce. */
export const UPLOADS_MAX = 1_000;
