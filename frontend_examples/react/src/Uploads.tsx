import { useCallback, useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import type { UploadActions, UploadSnapshot, UploadsSnapshot } from '../../uploader/react.js';
import { UploadItem } from './UploadItem';

/** Changes only when a count changes, so that a screen reader is not told of every percent. */
function summarize(uploads: readonly UploadSnapshot[]): string {
  if (uploads.length === 0) return '';
  const count = (state: UploadSnapshot['state']) => uploads.filter((upload) => upload.state === state).length;
  const failed = count('failed');
  return `${count('completed')} of ${uploads.length} uploaded${failed ? `, ${failed} failed` : ''}.`;
}

function DropZone({ onFiles }: { onFiles: (files: FileList) => void }) {
  const [isOver, setIsOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    onFiles(event.dataTransfer.files);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    if (event.target.files) onFiles(event.target.files);
    event.target.value = '';
  };
  return (
    <label
      className={isOver ? 'drop drop-over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <span>Choose files, or drop them here</span>
      <input type="file" multiple onChange={choose} />
    </label>
  );
}

/** Where files are chosen, and the list of those on their way. */
export function Uploads({ uploads: { uploads, actions } }: { uploads: UploadsSnapshot & { actions: UploadActions } }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const focusOn = useCallback((neighbour: HTMLElement | null) => (neighbour ?? heading.current)?.focus(), []);
  return (
    <section aria-labelledby="upload-heading">
      <h2 id="upload-heading" ref={heading} tabIndex={-1}>
        Upload
      </h2>
      <DropZone onFiles={(files) => actions.add(files)} />
      <p role="status">{summarize(uploads)}</p>
      <ul className="list">
        {uploads.map((upload) => (
          <UploadItem key={upload.id} upload={upload} actions={actions} onRemoved={focusOn} />
        ))}
      </ul>
    </section>
  );
}
