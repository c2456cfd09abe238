import { formatBytes, formatSeconds } from './format';
import type { UploadSnapshot } from './upload-list';
import type { FileUploads } from './use-file-uploads';

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
  const { loadedBytes, totalBytes, bytesPerSecond, secondsLeft, isWaiting, partsDone, partsTotal } = progress;
  if (state !== 'uploading' && state !== 'paused') return `${STATE_TEXT[state]}, ${formatBytes(totalBytes)}`;
  const facts = [`${STATE_TEXT[state]} ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`];
  if (partsTotal > 1) facts.push(`part ${partsDone} of ${partsTotal}`);
  if (state === 'uploading' && secondsLeft !== null) {
    facts.push(`${formatBytes(bytesPerSecond)}/s`, `${formatSeconds(secondsLeft)} left`);
  }
  if (state === 'uploading' && isWaiting) facts.push('waiting for the network');
  return facts.join(', ');
}

type Action = { label: string; run: () => void };

function actionsOf({ id, state, error }: UploadSnapshot, uploads: FileUploads, remove: () => void): Action[] {
  switch (state) {
    case 'completed':
      return [{ label: 'Remove from list', run: remove }];
    case 'failed':
    case 'cancelled': {
      const canRetry = state === 'cancelled' || error?.retryable === true;
      const retry = { label: 'Try again', run: () => uploads.retry(id) };
      return [...(canRetry ? [retry] : []), { label: 'Remove from list', run: remove }];
    }
    case 'paused':
      return [
        { label: 'Resume', run: () => uploads.resume(id) },
        { label: 'Cancel', run: () => uploads.cancel(id) },
      ];
    case 'verifying':
      return [];
    default:
      return [
        { label: 'Pause', run: () => uploads.pause(id) },
        { label: 'Cancel', run: () => uploads.cancel(id) },
      ];
  }
}

interface UploadItemProps {
  upload: UploadSnapshot;
  uploads: FileUploads;
  /** Called after the item took itself off the list. */
  onRemoved: () => void;
}

/** One upload: its name, its bar, its state in words and what can be done about it. */
export function UploadItem({ upload, uploads, onRemoved }: UploadItemProps) {
  const { file, state, progress, error } = upload;
  const { name } = file;
  const remove = () => {
    uploads.remove(upload.id);
    onRemoved();
  };
  return (
    <li className="item" data-state={state}>
      <div className="item-name">{name}</div>
      <progress aria-label={`Upload of ${name}`} max={progress.totalBytes || 1} value={progress.loadedBytes} />
      <div className="item-facts">{describe(upload)}</div>
      {state === 'failed' && error && <p className="problem">{error.message}</p>}
      <div className="item-actions">
        {actionsOf(upload, uploads, remove).map(({ label, run }) => (
          <button key={label} type="button" aria-label={`${label}: ${name}`} onClick={run}>
            {label}
          </button>
        ))}
      </div>
    </li>
  );
}
