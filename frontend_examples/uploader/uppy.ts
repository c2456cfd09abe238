import { BasePlugin, type Body, type Meta, type PluginOpts, type Uppy, type UppyFile } from '@uppy/core';
import { filterFilesToUpload } from '@uppy/core/utils';
import type { FileUploader } from './file-uploader.js';
import type { UploadHandle, UploadOptions } from './types.js';

export interface FilemanUploadOptions extends PluginOpts {
  uploader: FileUploader;
  uploadOptions?: UploadOptions;
}

/** Lets Uppy upload through the FileUploader, so to every storage the server knows, with pause, resume and cancel. */
export class FilemanUpload<M extends Meta, B extends Body> extends BasePlugin<FilemanUploadOptions, M, B> {
  readonly #uploads = new Map<string, UploadHandle>();

  constructor(uppy: Uppy<M, B>, options: FilemanUploadOptions) {
    super(uppy, options);
    this.type = 'uploader';
    this.id = options.id ?? 'FilemanUpload';
  }

  override install(): void {
    this.#announceResumable(true);
    this.uppy.addUploader(this.#upload);
    this.uppy.on('upload-pause', this.#pauseOne).on('pause-all', this.#pauseAll).on('resume-all', this.#resumeAll);
    this.uppy.on('file-removed', this.#cancel);
  }

  override uninstall(): void {
    this.#announceResumable(false);
    this.uppy.removeUploader(this.#upload);
    this.uppy.off('upload-pause', this.#pauseOne).off('pause-all', this.#pauseAll).off('resume-all', this.#resumeAll);
    this.uppy.off('file-removed', this.#cancel);
  }

  #announceResumable(resumableUploads: boolean): void {
    this.uppy.setState({ capabilities: { ...this.uppy.getState().capabilities, resumableUploads } });
  }

  readonly #upload = async (ids: string[]): Promise<void> => {
    const chosen: UppyFile<M, B>[] = filterFilesToUpload(this.uppy.getFilesByIds(ids));
    this.uppy.emit('upload-start', chosen);
    const uppyFiles = chosen.filter(({ data }) => data instanceof Blob);
    const remote = new Error('Files of other services cannot be uploaded. Download the file and choose it.');
    chosen.filter((file) => !uppyFiles.includes(file)).forEach((file) => this.uppy.emit('upload-error', file, remote));
    const files = uppyFiles.map(localFile);
    const onUpload = (upload: UploadHandle, index: number) => this.#follow((uppyFiles[index] as UppyFile<M, B>).id, upload);
    // What goes wrong is told file by file, so the rejection says nothing new.
    const metadata = (file: File) => metadataOf(uppyFiles[files.indexOf(file)] as UppyFile<M, B>);
    await this.opts.uploader.uploadFiles(files, { metadata, ...this.opts.uploadOptions, onUpload }).catch(() => undefined);
  };

  #follow(id: string, upload: UploadHandle): void {
    this.#uploads.set(id, upload);
    upload.addEventListener('change', () => {
      if (id in this.uppy.getState().files) this.#report(this.uppy.getFile(id), upload);
      if (upload.ended) this.#uploads.delete(id);
    });
  }

  #report(file: UppyFile<M, B>, { state, error, progress, remoteFile }: UploadHandle): void {
    if (state === 'completed') {
      const uploadURL = remoteFile?.downloadUrl;
      const body = remoteFile as unknown as B;
      this.uppy.emit('upload-success', file, { status: 200, body, ...(uploadURL && { uploadURL }) });
    } else if (state === 'failed' && error) {
      this.uppy.emit('upload-error', file, error);
    } else if (state !== 'cancelled') {
      const { loadedBytes: bytesUploaded, totalBytes: bytesTotal } = progress;
      const uploadStarted = file.progress.uploadStarted ?? Date.now();
      this.uppy.emit('upload-progress', file, { uploadStarted, bytesUploaded, bytesTotal });
    }
  }

  readonly #pauseOne = (file: UppyFile<M, B> | undefined, isPaused: boolean): void => {
    const upload = this.#uploads.get(file?.id ?? '');
    if (isPaused) upload?.pause();
    else upload?.resume();
  };
  readonly #pauseAll = (): void => this.#uploads.forEach((upload) => upload.pause());
  readonly #resumeAll = (): void => this.#uploads.forEach((upload) => upload.resume());
  readonly #cancel = (file: UppyFile<M, B>): void => void this.#uploads.get(file.id)?.cancel();
}

/** What the user or the host added to the file; its name and type are told anyway. */
function metadataOf<M extends Meta, B extends Body>({ meta }: UppyFile<M, B>): Record<string, unknown> {
  const { name: _name, type: _type, relativePath, ...own } = meta;
  return relativePath ? { relativePath, ...own } : own;
}

/** The file as chosen, under the name that the user may have changed in Uppy. */
function localFile<M extends Meta, B extends Body>({ data, meta, type }: UppyFile<M, B>): File {
  const lastModified = data instanceof File ? data.lastModified : Date.now();
  return new File([data as Blob], meta.name, { type, lastModified });
}

/** What a file manager of the API allows, as Uppy's restrictions, which refuse a file before it is sent. */
export function restrictionsFrom(manager: { maxFileSize: number; allowedExtensions: string[]; allowedMimeTypes: string[] }) {
  const extensions = manager.allowedExtensions.map((extension) => `.${extension.replace(/^\./, '')}`);
  const types = extensions.length ? extensions : manager.allowedMimeTypes;
  return { minFileSize: 1, maxFileSize: manager.maxFileSize || null, allowedFileTypes: types.length ? types : null };
}
