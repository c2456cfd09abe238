import { useRef } from 'react';
import { formatBytes } from './format';
import type { FileRow } from './operations';
import type { UseFiles } from './use-files';

const STATUS_TEXT: Record<FileRow['uploadStatus'], string> = {
  PENDING: 'unfinished: choose the same file again to go on',
  VERIFYING: 'being verified',
  COMPLETED: 'ready',
  FAILED: 'failed',
  EXPIRED: 'expired',
  ABORTED: 'cancelled',
};

function FileItem({ file, onDelete }: { file: FileRow; onDelete: () => void }) {
  const { originalFilename: name, fileSize, created, uploadStatus, permalink, viewerCanDelete } = file;
  const when = new Date(created).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <li className="item">
      <div className="item-name">
        <bdi>{name}</bdi>
      </div>
      <div className="item-facts">
        {formatBytes(fileSize)}, {when}, {STATUS_TEXT[uploadStatus]}
      </div>
      <div className="item-actions">
        {uploadStatus === 'COMPLETED' && permalink && (
          <a href={permalink} aria-label={`Download ${name}`}>
            Download
          </a>
        )}
        {viewerCanDelete && (
          <button type="button" aria-label={`Delete ${name}`} onClick={onDelete}>
            Delete
          </button>
        )}
      </div>
    </li>
  );
}

interface FilesProps {
  files: UseFiles;
  /** Ids of those that this page is sending: they stand in the list of uploads. */
  running: (string | undefined)[];
}

/** What the signed-in user has uploaded so far. */
export function Files({ files, running }: FilesProps) {
  const { isLoading, problem, hasMore, showMore } = files;
  const nodes = files.nodes.filter(({ id }) => !running.includes(id));
  const heading = useRef<HTMLHeadingElement>(null);
  const remove = ({ id, originalFilename }: FileRow) => {
    if (!confirm(`Delete ${originalFilename}?`)) return;
    files.remove(id);
    heading.current?.focus();
  };
  return (
    <section aria-labelledby="files-heading">
      <h2 id="files-heading" ref={heading} tabIndex={-1}>
        Your files
      </h2>
      <div role="alert">{problem && <p className="problem">{problem}</p>}</div>
      {nodes.length === 0 && !problem && <p>{isLoading ? 'Loading…' : 'Nothing uploaded yet.'}</p>}
      <ul className="list">
        {nodes.map((file) => (
          <FileItem key={file.id} file={file} onDelete={() => remove(file)} />
        ))}
      </ul>
      {hasMore && <button onClick={showMore}>Show more</button>}
    </section>
  );
}
