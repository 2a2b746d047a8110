import { useState } from 'preact/hooks';
import type { FileView } from '../../../src/cli/wire.js';
import { byteSize } from '../../../src/cli/words.js';
import type { Api } from '../api.js';
import { usePolling } from '../polling.js';
import { Notice } from './notice.js';

const LOOK_MS = 5_000;

/** What lies in the job's directory. Files are fetched with the token and then handed to the browser. */
export function FileList({ api, jobId, isOver }: { api: Api; jobId: number; isOver: boolean }) {
  const [path, setPath] = useState<readonly string[]>([]);
  const [fault, setFault] = useState<string | null>(null);
  const folder = path.join('/');
  const { value: files, error } = usePolling(`${jobId}/${folder}/${isOver}`, LOOK_MS, async () => ({
    value: await api.files(jobId, folder),
    isLast: isOver,
  }));

  const save = async (name: string) => {
    setFault(null);
    try {
      saveBlob(await api.file(jobId, [...path, name].join('/')), name);
    } catch (problem) {
      setFault(problem instanceof Error ? problem.message : String(problem));
    }
  };

  if (files === null) return <p class="muted">{error ?? 'Reading…'}</p>;
  return (
    <>
      {fault !== null && <Notice kind="error">{fault}</Notice>}
      {path.length > 0 && (
        <p class="crumbs">
          <button type="button" class="link" onClick={() => setPath(path.slice(0, -1))}>
            ← up
          </button>{' '}
          <code>{folder}/</code>
        </p>
      )}
      <FileTable
        jobId={jobId}
        files={files}
        onOpen={(file) => (file.isDirectory ? setPath([...path, file.name]) : save(file.name))}
      />
      {files.length === 0 && <p class="muted">Nothing here.</p>}
    </>
  );
}

function FileTable({
  jobId,
  files,
  onOpen,
}: {
  jobId: number;
  files: readonly FileView[];
  onOpen: (file: FileView) => void;
}) {
  return (
    <table class="files">
      <caption class="unseen">Files of job {jobId}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Size
          </th>
        </tr>
      </thead>
      <tbody>
        {files.map((file) => (
          <tr key={file.name}>
            <td>
              <button type="button" class="link" onClick={() => onOpen(file)}>
                {file.name}
                {file.isDirectory ? '/' : ''}
              </button>
            </td>
            <td class="number">{file.isDirectory ? '' : byteSize(file.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
