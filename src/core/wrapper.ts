/**
 * The script that runs in the job directory around the user's own: plain POSIX sh, so that any image with a shell
 * will do, busybox included, without network and without installing anything.
 */

/** Names in a job directory; existing clients know the first four. */
export const SCRIPT_FILE = 'cmd.sh';
export const LOG_FILE = 'god.log';
export const ERROR_FILE = 'god.err';
export const INFO_FILE = 'god.info';
export const WRAPPER_FILE = 'wrapper.sh';
/**
 * Where the output of a former launch is kept, `god.log-1`: a directory is prepared for each launch in turn, so what lies
 * there under the plain name is the launch's before it.
 */
export const formerOutput = (file: string, launch: number): string => `${file}-${launch}`;
/** Named after the launch, so that the code of a former launch is never taken for this one's. */
export const exitFile = (launch: number): string => `god.exit-${launch}`;

/** Whole cpus, at least one: more threads than cpus would take turns. */
const threadsOf = (cpuMilli: number): number => Math.max(1, Math.floor(cpuMilli / 1_000));

/**
 * The wrapper of one launch. It expects GODOCKER_PWD; it leaves the script's output in god.log and god.err, start and
 * end (epoch seconds) in god.info, the exit code as a whole line in a file named after the launch, and exits with that
 * code. SIGTERM is passed on to the script, so that it may save its work; its end is waited for.
 *
 * Programs that share their work among threads take as many as the job has whole cpus, unless the image or the script
 * says otherwise: they would count the machine's.
 *
 * Each program it starts costs more than a short job does, so it starts one: the start is reckoned from the end and
 * the machine's uptime, which a shell can read by itself.
 */
export function wrapperScript(launch: number, cpuMilli: number): string {
  return `#!/bin/sh
cd "$GODOCKER_PWD" || exit 125
export OMP_NUM_THREADS="\${OMP_NUM_THREADS:-${threadsOf(cpuMilli)}}"
began=0 ended=0
read -r began rest < /proc/uptime
./${SCRIPT_FILE} > ${LOG_FILE} 2> ${ERROR_FILE} < /dev/null &
child=$!
trap 'kill -TERM "$child" 2> /dev/null' TERM
wait "$child"
code=$?
while kill -0 "$child" 2> /dev/null; do
  wait "$child"
  code=$?
done
read -r ended rest < /proc/uptime
now=$(date +%s) && echo "$((now - \${ended%%.*} + \${began%%.*}))
$now" > ${INFO_FILE}
echo "$code" > ${exitFile(launch)}
exit "$code"
`;
}
