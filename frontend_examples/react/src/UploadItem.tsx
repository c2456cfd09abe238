import { memo, useRef } from 'react';
import type { UploadActions, UploadSnapshot } from '../../uploader/react.js';
import { bytesText, nameText, progressText } from '../../vanilla/format.js';

const STATE_TEXT: Record<UploadSnapshot['state'], string> = {
  queued: 'Waiting',
  hashing: 'Computing the checksum',
  starting: 'Starting',
  uploading: 'Uploading',
  paused: 'Paused',
  verifying: 'Verifying',
  completed: 'Uploaded',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

function describe({ state, progress }: UploadSnapshot): string {
  const isMoving = state === 'uploading';
  return `${STATE_TEXT[state]}: ${isMoving || state === 'paused' ? progressText(progress, isMoving) : bytesText(progress.totalBytes)}`;
}

const LABELS = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel', retry: 'Try again', remove: 'Remove from list' };

function actionsFor({ state, error }: UploadSnapshot): (keyof typeof LABELS)[] {
  if (state === 'verifying') return [];
  if (state === 'cancelled' || (state === 'failed' && error?.retryable)) return ['retry', 'remove'];
  if (state === 'completed' || state === 'failed') return ['remove'];
  return [state === 'paused' ? 'resume' : 'pause', 'cancel'];
}

interface UploadItemProps {
  upload: UploadSnapshot;
  actions: UploadActions;
  /** Called after the item took itself off the list, with the one beside it. */
  onRemoved: (neighbour: HTMLElement | null) => void;
}

/** One upload: its name, its bar, its state in words and what can be done about it. Drawn anew only when it changes. */
export const UploadItem = memo(function UploadItem({ upload, actions, onRemoved }: UploadItemProps) {
  const { file, state, progress, error, remoteFile } = upload;
  const name = nameText(file.name);
  const item = useRef<HTMLLIElement>(null);
  const run = (action: keyof typeof LABELS) => {
    const neighbour = item.current?.nextElementSibling ?? item.current?.previousElementSibling;
    actions[action](upload.id);
    if (action === 'remove') onRemoved(neighbour instanceof HTMLElement ? neighbour : null);
  };
  return (
    <li className="item" data-state={state} ref={item} tabIndex={-1}>
      <div className="item-name">
        <bdi>{name}</bdi>
      </div>
      <progress aria-label={`Upload of ${name}`} max={progress.totalBytes || 1} value={progress.loadedBytes} />
      <div className="item-facts">{describe(upload)}</div>
      {state === 'failed' && error && <p className="problem">{error.message}</p>}
      <div className="item-actions">
        {remoteFile?.permalink && (
          <a href={remoteFile.permalink} aria-label={`Download ${name}`}>
            Download
          </a>
        )}
        {actionsFor(upload).map((action) => (
          <button key={action} type="button" aria-label={`${LABELS[action]}: ${name}`} onClick={() => run(action)}>
            {LABELS[action]}
          </button>
        ))}
      </div>
    </li>
  );
});
