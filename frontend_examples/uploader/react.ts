import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { FileUploader, UploadError } from './file-uploader.js';
import type { OverallProgress, Progress, RemoteFile, UploadHandle, UploadOptions, UploadState } from './types.js';

/** One upload as it stands at one moment: the same object until it changes, so that rows can be memoised. */
export interface UploadSnapshot {
  /** Names the upload for the actions; kept when it is tried again. */
  readonly id: number;
  readonly file: File;
  readonly state: UploadState;
  readonly progress: Progress;
  readonly error: UploadError | null;
  readonly remoteFile: RemoteFile | null;
}

export interface UploadsSnapshot {
  /** In the order in which they were added. */
  readonly uploads: readonly UploadSnapshot[];
  /** Of all files together. */
  readonly progress: OverallProgress;
  /** True while leaving the page would interrupt an upload. */
  readonly isUploading: boolean;
}

/** The same object in every render. */
export type UploadActions = Pick<UploadList, 'add' | 'pause' | 'resume' | 'cancel' | 'retry' | 'remove'>;

export interface UseUploadsOptions {
  onComplete?: (upload: UploadSnapshot) => void;
  /** Not called for what was cancelled. */
  onError?: (upload: UploadSnapshot) => void;
  /** Cancels what still runs when the component goes away. Otherwise it goes on, and is in the list again later. */
  cancelOnUnmount?: boolean;
}

const NOTHING: UploadsSnapshot = {
  uploads: [],
  progress: { loadedBytes: 0, totalBytes: 0, bytesPerSecond: 0, secondsLeft: null },
  isUploading: false,
};
/** Renders at most twenty times a second, however many files there are. */
const RENDER_MS = 50;

interface Entry {
  handle: UploadHandle;
  options: UploadOptions;
  snapshot: UploadSnapshot;
}

/** The uploads of one uploader, as an external store. */
class UploadList {
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<() => void>();
  readonly #ended = new Set<(upload: UploadSnapshot) => void>();
  #snapshot = NOTHING;
  #nextId = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly uploader: FileUploader) {}

  readonly subscribe = (listener: () => void) => listenIn(this.#listeners, listener);
  readonly onEnded = (listener: (upload: UploadSnapshot) => void) => listenIn(this.#ended, listener);
  readonly getSnapshot = () => this.#snapshot;
  readonly getServerSnapshot = () => NOTHING;

  /** Starts to upload them, behind those already in the list; returns their ids. */
  readonly add = (files: Iterable<File>, options: UploadOptions = {}): number[] => {
    const all = [...files];
    const ids = all.map(() => this.#nextId++);
    this.#start(all, ids, options);
    return ids;
  };

  readonly pause = (id: number): void => this.#entries.get(id)?.handle.pause();
  readonly resume = (id: number): void => this.#entries.get(id)?.handle.resume();
  readonly cancel = (id: number): void => void this.#entries.get(id)?.handle.cancel();

  /** Goes on with one that failed, from what the storage already holds; sends one that was cancelled anew. */
  readonly retry = (id: number): void => {
    const { handle, options } = this.#entries.get(id) ?? {};
    if (handle?.ended) this.#start([handle.file], [id], options);
  };

  /** Takes it off the list; one that still runs is cancelled. */
  readonly remove = (id: number): void => {
    this.cancel(id);
    this.#entries.delete(id);
    this.#publishSoon();
  };

  #start(files: File[], ids: number[], options: UploadOptions = {}): void {
    const onUpload = (handle: UploadHandle, index: number) => {
      // The same file, added twice, is in the list.
      if (![...this.#entries.values()].some((entry) => entry.handle === handle)) {
        const id = ids[index] as number;
        const entry = { handle, options, snapshot: snapshotOf(id, handle) };
        this.#entries.set(id, entry);
        handle.addEventListener('change', () => this.#changed(id, entry));
        this.#publishSoon();
      }
      options.onUpload?.(handle, index);
    };
    // What goes wrong stands on each upload, so the rejection says nothing new.
    this.uploader.uploadFiles(files, { ...options, onUpload }).catch(() => undefined);
  }

  #changed(id: number, entry: Entry): void {
    if (this.#entries.get(id) !== entry) return;
    entry.snapshot = snapshotOf(id, entry.handle);
    if (entry.handle.ended) for (const listener of this.#ended) listener(entry.snapshot);
    this.#publishSoon();
  }

  #publishSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const uploads = [...this.#entries.values()].map(({ snapshot }) => snapshot);
      const isUploading = this.uploader.uploads.some(({ ended }) => !ended);
      this.#snapshot = { uploads, progress: this.uploader.progress, isUploading };
      for (const listener of this.#listeners) listener();
    }, RENDER_MS);
  }
}

function snapshotOf(id: number, { file, state, progress, error, remoteFile }: UploadHandle): UploadSnapshot {
  return { id, file, state, progress, error, remoteFile };
}

function listenIn<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** One list for each uploader, so that a component that comes back finds what goes on. */
const LISTS = new WeakMap<FileUploader, UploadList>();

function listOf(uploader: FileUploader): UploadList {
  const list = LISTS.get(uploader) ?? new UploadList(uploader);
  LISTS.set(uploader, list);
  return list;
}

/** The uploads of an uploader, and what can be done with them. Components with the same uploader share them. */
export function useUploads(uploader: FileUploader, options: UseUploadsOptions = {}): UploadsSnapshot & { actions: UploadActions } {
  const list = listOf(uploader);
  const snapshot = useSyncExternalStore(list.subscribe, list.getSnapshot, list.getServerSnapshot);
  const latest = useRef(options);
  useEffect(() => void (latest.current = options));
  useEffect(() => {
    const leave = list.onEnded((upload) => {
      if (upload.state === 'completed') latest.current.onComplete?.(upload);
      else if (upload.state === 'failed') latest.current.onError?.(upload);
    });
    return () => {
      leave();
      if (latest.current.cancelOnUnmount) void uploader.cancelAll();
    };
  }, [list, uploader]);
  return { ...snapshot, actions: list };
}

/** One file at a time: null before `start` and after `reset`. Another start replaces it, and cancels it if it still runs. */
export function useUpload(uploader: FileUploader) {
  const [id, setId] = useState(0);
  const { uploads, actions } = useUploads(uploader);
  const replace = (next: number) => (actions.remove(id), setId(next));
  return {
    upload: uploads.find((upload) => upload.id === id) ?? null,
    start: (file: File, options?: UploadOptions) => replace(actions.add([file], options)[0] as number),
    reset: () => replace(0),
    pause: () => actions.pause(id),
    resume: () => actions.resume(id),
    cancel: () => actions.cancel(id),
    retry: () => actions.retry(id),
  };
}
