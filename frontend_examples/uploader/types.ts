/** The shapes that cross the uploader's borders: the GraphQL contract's as they come over the wire, and its own. */
import type { UploadError } from './errors.js';

/** The codes of the API: `UploadErrorCode` of its schema, then those of requests that it refuses as a whole. */
export type ApiErrorCode =
  | 'UNAUTHENTICATED' | 'PERMISSION_DENIED' | 'NOT_FOUND' | 'RATE_LIMITED' | 'NO_FILE_MANAGER' | 'FILE_MANAGER_INACTIVE'
  | 'TOO_MANY_FILES' | 'TOO_MANY_PENDING' | 'INVALID_FILENAME' | 'INVALID_METADATA' | 'INVALID_CHECKSUM' | 'INVALID_INPUT'
  | 'EMPTY_FILE' | 'FILE_TOO_LARGE' | 'QUOTA_EXCEEDED' | 'EXTENSION_NOT_ALLOWED' | 'MIME_TYPE_NOT_ALLOWED'
  | 'REJECTED_BY_VALIDATOR' | 'NOT_UPLOADED' | 'PARTS_MISSING' | 'SIZE_MISMATCH' | 'CHECKSUM_MISMATCH'
  | 'CONTENT_TYPE_MISMATCH' | 'UPLOAD_EXPIRED' | 'UPLOAD_ABORTED' | 'UPLOAD_FAILED' | 'UPLOAD_IN_PROGRESS' | 'FILE_IN_USE'
  | 'IDEMPOTENCY_KEY_REUSED' | 'STORAGE_UNAVAILABLE' | 'STORAGE_MISCONFIGURED'
  | 'BAD_REQUEST' | 'METHOD_NOT_ALLOWED' | 'UNSUPPORTED_MEDIA_TYPE' | 'PAYLOAD_TOO_LARGE' | 'CSRF_FAILED'
  | 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED' | 'QUERY_TOO_COMPLEX' | 'INTERNAL';

/** What the uploader itself finds; CLIENT_ERROR: a mistake in one of the page's own functions, which is in `cause`. */
export type OwnErrorCode =
  | 'NETWORK_ERROR' | 'HTTP_ERROR' | 'GRAPHQL_ERROR' | 'STORAGE_REFUSED' | 'NO_PROGRESS' | 'FILE_CHANGED'
  | 'FILE_MISMATCH' | 'CHECKSUM_UNAVAILABLE' | 'BATCH_REFUSED' | 'CANCELLED' | 'PAUSED' | 'CLIENT_ERROR';

export type UploadErrorCode = ApiErrorCode | OwnErrorCode;

/** As in the API; `message` is a sentence for the person who uploads, `status` that of the HTTP response. */
export interface UploadErrorFacts {
  code: UploadErrorCode;
  message: string;
  field?: string[] | null;
  retryable?: boolean;
  retryAfterSeconds?: number | null;
  status?: number | null;
}

/** One signed request, for one slice of the file. With `fields` it is a form: these in order, then the slice under `fileField`. */
export interface UploadRequest {
  partNumber: number;
  offset: number;
  length: number;
  method: 'POST' | 'PUT';
  url: string;
  headers: { name: string; value: string }[];
  fields: { name: string; value: string }[];
  fileField: string | null;
  successStatus: number[];
}

/** What the storage lacks, lowest slices first; at most one window of it, where `hasMore` is true. */
export interface UploadInstructions {
  requests: UploadRequest[];
  ordered: boolean;
  maxConcurrency: number;
  partSize: number;
  totalParts: number;
  hasMore: boolean;
  expiresAt: string;
}

/** A file as the API tells it. `filename` is its name in the storage, `expiresAt` the deadline of an unfinished upload. */
export interface RemoteFile {
  id: string;
  filename: string;
  originalFilename: string;
  filePath: string | null;
  fileSize: number;
  contentType: string;
  uploadStatus: 'PENDING' | 'VERIFYING' | 'COMPLETED' | 'FAILED' | 'EXPIRED' | 'ABORTED';
  failureReason: string | null;
  checksum: string | null;
  checksumVerified: boolean;
  metadata: Record<string, unknown> | null;
  isPublic: boolean;
  created: string;
  expiresAt: string | null;
  permalink: string | null;
  downloadUrl: string | null;
}

/** What a mutation answers, or a file's place in a batch; which of the rest is there depends on the mutation. */
export interface Ticket {
  file?: RemoteFile | null;
  uploadToken?: string | null;
  instructions?: UploadInstructions | null;
  errors: UploadErrorFacts[];
}

/** Of its file a ticket has only `id`, `originalFilename`, `fileSize`, `uploadStatus` and `expiresAt`. */
export interface Payload extends Ticket {
  success: boolean;
  files?: Ticket[];
  fileManager?: { id: string; name: string; backendType: string } | null;
}

/**
 * Sends one GraphQL document and resolves with its `data`; rejects on anything else. keepalive: the request should
 * outlive the page. `renew` gets new credentials, after the server refused those of a request.
 */
export interface GraphQLRequest {
  (document: string, variables: Record<string, unknown>, options?: { signal?: AbortSignal | undefined; keepalive?: boolean }): Promise<any>;
  renew?: () => Promise<void>;
}

/** Sends one slice and resolves with the status; rejects when there was no answer. */
export type SendRequest = (
  request: UploadRequest,
  file: File,
  options: { signal: AbortSignal; onProgress: (sentBytes: number) => void },
) => Promise<number>;

/** A function is called for each request. */
export type Asked<T> = T | (() => T | Promise<T>);

export interface FileUploaderOptions {
  /** Sent as X-CSRFToken by the default request. */ csrfToken?: Asked<string> | undefined;
  /** Returns a new token when one that is a string is refused; "/fileman/csrf/". */ csrfUrl?: string;
  /** Of the default request; "/graphql". */ endpoint?: string | undefined;
  /** Of the default request, for example Authorization. */ headers?: Asked<Record<string, string>>;
  /** Instead of the default one: Apollo, urql, anything. */ request?: GraphQLRequest;
  /** Instead of XMLHttpRequest, for one slice. */ send?: SendRequest;
  /** Where unfinished uploads are remembered; localStorage, null: nowhere. */ storage?: Storage | null;
  /** How many are sent at once; 3, with 4 requests to a host over all files. */ filesAtOnce?: number;
  requestsPerHost?: number;
  /** How long it goes on trying without progress once bytes went out; 300. */ patienceSeconds?: number;
  /** Instead of the worker beside this module, for bundlers that do not find it and for pages on another origin. */
  createWorker?: (() => Worker) | undefined;
}

export type ChecksumAlgorithm = 'sha256' | 'crc32c';

export interface UploadOptions {
  fileManagerId?: string | undefined;
  groupId?: string | undefined;
  /** Of every file, or of each. */
  metadata?: Record<string, unknown> | ((file: File) => Record<string, unknown> | undefined) | undefined;
  isPublic?: boolean;
  /** At most the file manager's `maxFilesPerBatch`; 50. */ filesPerRequest?: number | undefined;
  /** True: one refused file refuses its whole batch. */ atomic?: boolean;
  /** Computed before the upload; a function answers the algorithm, `<algorithm>:<hex>`, or undefined for none. */
  checksum?: ChecksumAlgorithm | ((file: File) => string | undefined | Promise<string | undefined>) | undefined;
  /** Goes on with this unfinished file of the signed-in user; for one file at a time. */
  resumeFileId?: string | undefined;
  /** Cancels them. */ signal?: AbortSignal | undefined;
  /** Hands over each file's handle before anything is sent. */
  onUpload?: (upload: UploadHandle, index: number) => void;
}

/** What became of one file. */
export type UploadResult =
  | { status: 'completed'; file: RemoteFile; error: null }
  | { status: 'failed' | 'cancelled'; file: null; error: UploadError };

/** An upload that this browser remembers. */
export interface Unfinished extends Pick<UploadOptions, 'fileManagerId' | 'groupId'> {
  fileId: string;
  filename: string;
  fileSize: number;
  uploadToken: string;
  expiresAt: string | null;
  /** True: only finalizeUpload is missing. */ isStored: boolean;
}

export interface Progress {
  /** Of the checksum that is computed before the upload. */ hashedBytes: number;
  loadedBytes: number;
  /** The most that loadedBytes has been. */ reachedBytes: number;
  totalBytes: number;
  /** Over the last seconds; 0 while unknown. */ bytesPerSecond: number;
  secondsLeft: number | null;
  /** No byte has moved for ten seconds. */ isWaiting: boolean;
  partsDone: number;
  partsTotal: number;
}

export type OverallProgress = Pick<Progress, 'loadedBytes' | 'totalBytes' | 'bytesPerSecond' | 'secondsLeft'>;

export type UploadState =
  | 'queued' | 'hashing' | 'starting' | 'uploading' | 'paused' | 'verifying' | 'completed' | 'failed' | 'cancelled';

export interface UploadEvents {
  /** At every new state and, while bytes move, at most ten times and at least once a second. */ change: Event;
  /** After every request made for the file. It holds tokens and signatures. */ debug: CustomEvent<RequestRecord>;
}

/** What an EventTarget is where its events are known. */
export interface UploadTarget {
  addEventListener<K extends keyof UploadEvents>(type: K, listener: (event: UploadEvents[K]) => void, options?: AddEventListenerOptions): void;
  removeEventListener<K extends keyof UploadEvents>(type: K, listener: (event: UploadEvents[K]) => void): void;
}

/** One file on its way. */
export interface UploadHandle extends UploadTarget {
  readonly file: File;
  readonly state: UploadState;
  readonly ended: boolean;
  /** The same object until it changes. */ readonly progress: Readonly<Progress>;
  readonly remoteFile: RemoteFile | null;
  readonly error: UploadError | null;
  /** Resolves once it has ended, however. */ readonly settled: Promise<void>;
  /** Takes no further part; running ones finish, so that none is sent twice. What is one request only stops at once. */
  pause(): void;
  resume(): void;
  /** Stops at once and tells the server. Resolves when the server has answered. */ cancel(): Promise<void>;
}

/** One request that was made for a file: a mutation with input and reply, or a request to the storage with its status. */
export interface RequestRecord {
  kind: 'graphql' | 'storage';
  name: string;
  milliseconds: number;
  error: string | null;
  input?: unknown;
  reply?: unknown;
  request?: UploadRequest;
  status?: number;
}
