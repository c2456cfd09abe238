import { useState, useSyncExternalStore } from 'react';
import type { FileUploader } from '../../uploader/file-uploader.js';
import { UploadList, type UploadSnapshot } from './upload-list';

export interface FileUploads extends Pick<UploadList, 'add' | 'pause' | 'resume' | 'cancel' | 'retry' | 'remove'> {
  /** In the order in which they were added. */
  uploads: readonly UploadSnapshot[];
}

/**
 * Uploads files and renders again at every change. They go on when the component goes away: call the hook in a
 * component that stays.
 */
export function useFileUploads(uploader: FileUploader): FileUploads {
  const [list] = useState(() => new UploadList(uploader));
  const uploads = useSyncExternalStore(list.subscribe, list.getSnapshot, list.getSnapshot);
  const { add, pause, resume, cancel, retry, remove } = list;
  return { uploads, add, pause, resume, cancel, retry, remove };
}
