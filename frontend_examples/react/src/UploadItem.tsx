import { memo, useRef } from 'react';
import type { UploadActions, UploadSnapshot } from '../../uploader/react.js';
import { bytesText, progressText } from '../../vanilla/format.js';

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

type Action = { label: string; run: () => void };

function actionsOf({ id, state, error }: UploadSnapshot, actions: UploadActions, remove: () => void): Action[] {
  switch (state) {
    case 'completed':
      return [{ label: 'Remove from list', run: remove }];
    case 'failed':
    case 'cancelled': {
      const canRetry = state === 'cancelled' || error?.retryable === true;
      const retry = { label: 'Try again', run: () => actions.retry(id) };
      return [...(canRetry ? [retry] : []), { label: 'Remove from list', run: remove }];
    }
    case 'paused':
      return [
        { label: 'Resume', run: () => actions.resume(id) },
        { label: 'Cancel', run: () => actions.cancel(id) },
      ];
    case 'verifying':
      return [];
    default:
      return [
        { label: 'Pause', run: () => actions.pause(id) },
        { label: 'Cancel', run: () => actions.cancel(id) },
      ];
  }
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
  const { name } = file;
  const item = useRef<HTMLLIElement>(null);
  const remove = () => {
    const neighbour = item.current?.nextElementSibling ?? item.current?.previousElementSibling;
    actions.remove(upload.id);
    onRemoved(neighbour instanceof HTMLElement ? neighbour : null);
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
        {actionsOf(upload, actions, remove).map(({ label, run }) => (
          <button key={label} type="button" aria-label={`${label}: ${name}`} onClick={run}>
            {label}
          </button>
        ))}
      </div>
    </li>
  );
});
