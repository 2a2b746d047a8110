/** `logs` and `files`: what lies in a job's directory. */
import { fileRoute } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { follow, readOnce } from '../follow.js';
import { table } from '../table.js';
import { readFiles } from '../wire.js';
import { byteSize } from '../words.js';
import { streamWriter } from './run.js';

/** How a directory is told from a file: existing clients compare it to the letter. */
const DIRECTORY_TYPE = 'application/json; charset=UTF-8';

export async function logs(
  context: Context,
  id: string,
  options: CommonOptions & { follow?: boolean; err?: boolean },
): Promise<number> {
  const name = options.err === true ? 'god.err' : 'god.log';
  const write = streamWriter(context, { name, isJson: options.json === true, toErr: false });
  const request = {
    client: connect(context),
    jobId: readId(id),
    streams: [{ name, write }] as const,
    warn: (sentence: string) => tell(context, sentence),
  };
  if (options.follow === true) await follow(request);
  else if (!(await readOnce(request))) tell(context, `job ${id} has no ${name} yet`);
  return EXIT.ok;
}

export async function files(
  context: Context,
  id: string,
  path: string,
  options: CommonOptions,
): Promise<number> {
  const answer = await connect(context).open('GET', fileRoute(readId(id), path));
  if (!isDirectory(answer)) {
    await answer.body?.cancel();
    throw new Failure(EXIT.refused, `${path} is a file: "god get ${id} ${path}" fetches it`);
  }
  const found = readFiles(await answer.json());
  const entries = [...found].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  if (options.json === true) {
    const docs = entries.map(({ name, isDirectory, bytes }) => ({
      name,
      type: isDirectory ? 'dir' : 'file',
      size: bytes,
    }));
    await printJson(context, docs);
  } else if (entries.length === 0) tell(context, 'nothing there');
  else
    await context.terminal.out(
      table(
        entries,
        [
          {
            title: 'SIZE',
            value: (entry) => (entry.isDirectory ? '-' : byteSize(entry.bytes)),
            isRight: true,
          },
          { title: 'NAME', value: (entry) => `${entry.name}${entry.isDirectory ? '/' : ''}` },
        ],
        context.terminal.columns,
      ),
    );
  return EXIT.ok;
}

/** Whether an answer is the listing of a directory. */
export const isDirectory = (answer: Response): boolean =>
  answer.headers.get('content-type') === DIRECTORY_TYPE;
