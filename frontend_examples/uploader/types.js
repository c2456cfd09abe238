/**
 * The shapes that cross the uploader's borders: the GraphQL contract's as they come over the wire, and the uploader's
 * own. Nothing is exported at run time, so nothing loads this file; import the types with `@import`.
 */

/**
 * @typedef {object} UploadNameValue
 * @property {string} name
 * @property {string} value
 */

/**
 * One signed request, for one slice of the file.
 * @typedef {object} UploadRequest
 * @property {number} partNumber  from 1
 * @property {number} offset  first byte of the slice
 * @property {number} length  bytes in the slice
 * @property {"POST" | "PUT"} method
 * @property {string} url
 * @property {UploadNameValue[]} headers  to set as they are
 * @property {UploadNameValue[]} fields  not empty: send a form, these in order, then the slice under `fileField`
 * @property {string | null} fileField
 * @property {number[]} successStatus  any other status means: refresh
 */

/**
 * @typedef {object} UploadInstructions
 * @property {UploadRequest[]} requests  what the storage lacks, lowest slices first; at most one window of it
 * @property {boolean} ordered  true: one after another
 * @property {number} maxConcurrency
 * @property {number} partSize  bytes
 * @property {number} totalParts
 * @property {boolean} hasMore  true: refresh for the next window once these are sent
 * @property {string} expiresAt  ISO 8601; refresh signs anew
 */

/**
 * @typedef {object} UploadErrorFacts
 * @property {string} code  one of the API's `UploadErrorCode`, or one of the uploader's own (see `UploadError`)
 * @property {string} message  a sentence for the person who uploads
 * @property {string[] | null} [field]  path into the input
 * @property {boolean} [retryable]  true: the same request may succeed later
 * @property {number | null} [retryAfterSeconds]
 * @property {number | null} [status]  of the HTTP response
 */

/**
 * A file as the API tells it.
 * @typedef {object} RemoteFile
 * @property {string} id
 * @property {string} filename  name in the storage
 * @property {string} originalFilename
 * @property {string | null} filePath
 * @property {number} fileSize  bytes
 * @property {string} contentType
 * @property {"PENDING" | "VERIFYING" | "COMPLETED" | "FAILED" | "EXPIRED" | "ABORTED"} uploadStatus
 * @property {string | null} failureReason
 * @property {string | null} checksum
 * @property {boolean} checksumVerified
 * @property {Record<string, unknown> | null} metadata
 * @property {boolean} isPublic
 * @property {string} created  ISO 8601
 * @property {string | null} expiresAt  deadline of an unfinished upload
 * @property {string | null} permalink
 * @property {string | null} downloadUrl
 */

/**
 * One file's place in a batch: a file with instructions, or errors. Of the file it has only `id`, `originalFilename`,
 * `fileSize`, `uploadStatus` and `expiresAt`.
 * @typedef {object} UploadTicket
 * @property {number} index
 * @property {RemoteFile | null} file
 * @property {string | null} uploadToken
 * @property {UploadInstructions | null} instructions
 * @property {UploadErrorFacts[]} errors
 */

/** A ticket, or the answer of refresh. @typedef {Partial<Pick<UploadTicket, "file" | "uploadToken" | "instructions" | "errors">>} Ticket */

/**
 * What every mutation answers; which of the rest is there depends on the mutation.
 * @typedef {object} Payload
 * @property {boolean} success
 * @property {UploadErrorFacts[]} errors
 * @property {RemoteFile | null} [file]
 * @property {UploadTicket[]} [files]
 * @property {string | null} [uploadToken]
 * @property {UploadInstructions | null} [instructions]
 * @property {{id: string, name: string, backendType: string} | null} [fileManager]
 */

/**
 * Sends one GraphQL document and resolves with its `data`; rejects on anything else. keepalive: the request should
 * outlive the page. `renew` gets new credentials, after the server refused those of a request.
 * @typedef {((document: string, variables: Record<string, unknown>, options?: {signal?: AbortSignal, keepalive?: boolean}) => Promise<any>)
 *   & {renew?: () => Promise<void>}} GraphQLRequest
 */

/**
 * Sends one slice and resolves with the status; rejects when there was no answer.
 * @callback SendRequest
 * @param {UploadRequest} request
 * @param {File} file
 * @param {{signal: AbortSignal, onProgress: (sentBytes: number) => void}} options
 * @returns {Promise<number>}
 */

/**
 * @typedef {object} FileUploaderOptions
 * @property {string | (() => string | Promise<string>)} [csrfToken]  sent as X-CSRFToken by the default request
 * @property {string} [csrfUrl]  returns a new token when that string is refused; "/fileman/csrf/"
 * @property {string} [endpoint]  of the default request; "/graphql"
 * @property {Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>)} [headers]  of the default
 *   request, for example Authorization; a function is called for each request
 * @property {GraphQLRequest} [request]  instead of the default one: Apollo, urql, anything
 * @property {SendRequest} [send]  instead of XMLHttpRequest, for one slice
 * @property {Storage | null} [storage]  where unfinished uploads are remembered; localStorage, null: nowhere
 * @property {number} [filesAtOnce]  3
 * @property {number} [requestsPerHost]  over all files; 4
 * @property {number} [patienceSeconds]  how long it goes on trying without progress once bytes went out; 300
 */

/**
 * @typedef {object} UploadOptions
 * @property {string} [fileManagerId]
 * @property {string} [groupId]
 * @property {Record<string, unknown> | ((file: File) => Record<string, unknown> | undefined)} [metadata]  of every file, or of each
 * @property {boolean} [isPublic]
 * @property {number} [filesPerRequest]  at most the file manager's `maxFilesPerBatch`; 50
 * @property {boolean} [atomic]  true: one refused file refuses its whole batch
 * @property {"sha256" | "crc32c" | ((file: File) => string | undefined | Promise<string | undefined>)} [checksum]  computed
 *   before the upload; a function answers the algorithm, `<algorithm>:<hex>`, or undefined for none
 * @property {string} [resumeFileId]  go on with this unfinished file of the signed-in user; for one file at a time
 * @property {AbortSignal} [signal]  cancels them
 * @property {(upload: import("./upload.js").Upload, index: number) => void} [onUpload]  hands over each file's handle
 *   before anything is sent
 */

/** What became of one file: either of the two is null. @typedef {{file: RemoteFile, error: null} | {file: null, error: import("./errors.js").UploadError}} UploadResult */

/**
 * An upload that this browser remembers.
 * @typedef {Pick<UploadOptions, "fileManagerId" | "groupId"> & {fileId: string, filename: string, fileSize: number,
 *   uploadToken: string, expiresAt: string | null, isStored: boolean}} Unfinished  isStored: only finalizeUpload is missing
 */

/**
 * @typedef {object} Progress
 * @property {number} loadedBytes
 * @property {number} reachedBytes  the most that loadedBytes has been
 * @property {number} totalBytes
 * @property {number} bytesPerSecond  over the last seconds; 0 while unknown
 * @property {number | null} secondsLeft  null while unknown
 * @property {boolean} isWaiting  no byte has moved for ten seconds
 * @property {number} partsDone
 * @property {number} partsTotal  0 before the server has planned them
 */

/** @typedef {Pick<Progress, "loadedBytes" | "totalBytes" | "bytesPerSecond" | "secondsLeft">} OverallProgress */

/** @typedef {"queued" | "hashing" | "starting" | "uploading" | "paused" | "verifying" | "completed" | "failed" | "cancelled"} UploadState */

/**
 * One request that was made for a file, as the `request` event tells it. It holds tokens and signatures: redact before showing.
 * @typedef {object} RequestRecord
 * @property {"graphql" | "storage"} kind
 * @property {string} name  the mutation, or the method
 * @property {number} milliseconds
 * @property {string | null} error
 * @property {unknown} [input]  of a mutation
 * @property {unknown} [reply]  of a mutation
 * @property {UploadRequest} [request]  to the storage
 * @property {number} [status]  the storage's answer
 */

export {};
