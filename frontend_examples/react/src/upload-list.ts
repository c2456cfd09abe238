import type { FileUploader, Upload, UploadError } from '../../uploader/file-uploader.js';
import type { Progress, RemoteFile, UploadOptions, UploadState } from '../../uploader/types.js';

/** One upload as it stands at one moment; a new object at every change. */
export interface UploadSnapshot {
  /** Names the upload for the list's methods; kept when it is tried again. */
  readonly id: number;
  readonly file: File;
  readonly state: UploadState;
  readonly progress: Progress;
  readonly error: UploadError | null;
  readonly remoteFile: RemoteFile | null;
}

/** The uploads of one page, as an external store: `subscribe` and `getSnapshot` are what React asks for. */
export class UploadList {
  readonly #uploader: FileUploader;
  readonly #handles = new Map<number, Upload>();
  readonly #options = new Map<number, UploadOptions>();
  readonly #listeners = new Set<() => void>();
  #snapshots: readonly UploadSnapshot[] = [];
  #nextId = 1;

  constructor(uploader: FileUploader) {
    this.#uploader = uploader;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): readonly UploadSnapshot[] => this.#snapshots;

  /** Starts to upload them, behind those already in the list. */
  readonly add = (files: Iterable<File>, options: UploadOptions = {}): void => {
    const all = [...files];
    this.#start(all, all.map(() => this.#nextId++), options);
  };

  readonly pause = (id: number): void => this.#handles.get(id)?.pause();
  readonly resume = (id: number): void => this.#handles.get(id)?.resume();
  readonly cancel = (id: number): void => void this.#handles.get(id)?.cancel();

  /** Goes on with one that failed, from what the storage already holds; sends one that was cancelled anew. */
  readonly retry = (id: number): void => {
    const handle = this.#handles.get(id);
    if (handle?.ended) this.#start([handle.file], [id], this.#options.get(id));
  };

  /** Takes it off the list; one that still runs is cancelled. */
  readonly remove = (id: number): void => {
    this.cancel(id);
    this.#handles.delete(id);
    this.#options.delete(id);
    this.#publish(this.#snapshots.filter((snapshot) => snapshot.id !== id));
  };

  #start(files: File[], ids: number[], options: UploadOptions = {}): void {
    const onUpload = (upload: Upload, index: number) => {
      // The same file, added twice: it is in the list.
      if ([...this.#handles.values()].includes(upload)) return;
      const id = ids[index] as number;
      this.#handles.set(id, upload);
      this.#options.set(id, options);
      upload.addEventListener('change', () => this.#changed(id, upload));
      this.#changed(id, upload);
    };
    // What goes wrong stands on each upload, so the rejection says nothing new.
    this.#uploader.uploadFiles(files, { ...options, onUpload }).catch(() => undefined);
  }

  #changed(id: number, upload: Upload): void {
    if (this.#handles.get(id) !== upload) return;
    const { file, state, progress, error, remoteFile } = upload;
    const snapshot = { id, file, state, progress, error, remoteFile };
    const isKnown = this.#snapshots.some((known) => known.id === id);
    this.#publish(
      isKnown ? this.#snapshots.map((known) => (known.id === id ? snapshot : known)) : [...this.#snapshots, snapshot],
    );
  }

  #publish(snapshots: readonly UploadSnapshot[]): void {
    this.#snapshots = snapshots;
    for (const listener of this.#listeners) listener();
  }
}
