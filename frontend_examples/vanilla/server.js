import { UploadError } from "../uploader/file-uploader.js";

/** @typedef {{id: string, name: string, backendType: string, isDefault: boolean, supportsDirectUpload: boolean, maxFileSize: number, maxFilesPerBatch: number, allowedExtensions: string[], allowedMimeTypes: string[]}} FileManager */
/** @typedef {Pick<import("../uploader/types.js").RemoteFile, "id" | "originalFilename" | "fileSize" | "contentType" | "uploadStatus" | "failureReason" | "checksum" | "checksumVerified" | "created" | "permalink"> & {preview: string | null, viewerCanDelete: boolean, fileManager: {id: string, name: string} | null}} ListedFile */
/** @typedef {{files: ListedFile[], endCursor: string | null}} Page */

const PAGE_SIZE = 20;

const START = `query Start {
  viewer { id username }
  fileManagers(first: 50) {
    edges { node {
      id name backendType isDefault supportsDirectUpload maxFileSize maxFilesPerBatch allowedExtensions allowedMimeTypes
    } }
  }
}`;

// No fragment and no BigInt variable: a schema may have a prefix before the names of its types.
const LISTED = `
  id originalFilename fileSize contentType uploadStatus failureReason checksum checksumVerified created permalink
  preview: downloadUrl(disposition: INLINE) viewerCanDelete fileManager { id name }
`;

const FILES = `query Files($first: Int!, $after: String) {
  files(first: $first, after: $after) { edges { node { ${LISTED} } } pageInfo { hasNextPage endCursor } }
}`;

const FILE = `query OneFile($id: ID!) { file(id: $id) { ${LISTED} } }`;

/** @param {number} size */
const checksums = (size) => `query Checksums($id: ID!) {
  fileManager(id: $id) { checksumAlgorithms(forSize: ${size}) }
}`;

const DELETE = `mutation DeleteFile($input: DeleteFileInput!) {
  deleteFile(input: $input) { success errors { code message retryable } }
}`;

/** What the page asks of the API beside uploading. */
export class Server {
  #request;

  /** @param {import("../uploader/types.js").GraphQLRequest} request */
  constructor(request) {
    this.#request = request;
  }

  /** @returns {Promise<{viewer: {username: string} | null, fileManagers: FileManager[]}>} */
  async start() {
    const { viewer, fileManagers } = await this.#ask(START, {});
    return { viewer, fileManagers: nodes(fileManagers) };
  }

  /** Newest first. @param {string | null} after  cursor @returns {Promise<Page>} */
  async files(after) {
    const { files } = await this.#ask(FILES, { first: PAGE_SIZE, after });
    return { files: nodes(files), endCursor: files.pageInfo.hasNextPage ? files.pageInfo.endCursor : null };
  }

  /** @param {string} id @returns {Promise<ListedFile | null>} */
  async file(id) {
    return (await this.#ask(FILE, { id })).file;
  }

  /** The faster checksum that can be verified for a file of that size; undefined: none. @param {string} managerId @param {number} size */
  async checksumFor(managerId, size) {
    const { fileManager } = await this.#ask(checksums(size), { id: managerId });
    return ["crc32c", "sha256"].find((algorithm) => fileManager?.checksumAlgorithms.includes(algorithm));
  }

  /** Throws when it is refused. An unfinished upload is aborted. @param {string} id */
  async deleteFile(id) {
    const { errors } = (await this.#ask(DELETE, { input: { id } })).deleteFile;
    if (errors.length) throw new UploadError(errors[0]);
  }

  /** @param {string} document @param {Record<string, unknown>} variables */
  async #ask(document, variables) {
    try {
      return await this.#request(document, variables);
    } catch (cause) {
      throw UploadError.from(cause);
    }
  }
}

/** @param {{edges: {node: any}[]}} connection */
function nodes({ edges }) {
  return edges.map(({ node }) => node);
}
