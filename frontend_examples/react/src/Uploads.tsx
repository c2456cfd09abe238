import { useCallback, useRef } from 'react';
import type { UploadActions, UploadSnapshot } from '../../uploader/react.js';
import { UploadItem } from './UploadItem';

/** Changes only when a count changes, so that a screen reader is not told of every percent. */
function summarize(uploads: readonly UploadSnapshot[]): string {
  if (uploads.length === 0) return '';
  const count = (state: UploadSnapshot['state']) => uploads.filter((upload) => upload.state === state).length;
  const failed = count('failed');
  return `${count('completed')} of ${uploads.length} uploaded${failed ? `, ${failed} failed` : ''}.`;
}

/** The uploads of this visit. */
export function Uploads({ uploads, actions }: { uploads: readonly UploadSnapshot[]; actions: UploadActions }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const focusOn = useCallback((neighbour: HTMLElement | null) => (neighbour ?? heading.current)?.focus(), []);
  return (
    <section aria-labelledby="uploads-heading">
      <h2 id="uploads-heading" ref={heading} tabIndex={-1}>
        Uploads
      </h2>
      <p role="status">{summarize(uploads)}</p>
      <ul className="list">
        {uploads.map((upload) => (
          <UploadItem key={upload.id} upload={upload} actions={actions} onRemoved={focusOn} />
        ))}
      </ul>
    </section>
  );
}
