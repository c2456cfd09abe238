import { UploadError } from "../uploader/file-uploader.js";

/** @typedef {{id: string, name: string, backendType: string, isDefault: boolean, supportsDirectUpload: boolean, maxFileSize: number, maxFilesPerBatch: number, allowedExtensions: string[], allowedMimeTypes: string[]}} FileManager */
/** @typedef {Pick<import("../uploader/types.js").RemoteFile, "id" | "originalFilename" | "fileSize" | "contentType" | "uploadStatus" | "failureReason" | "checksum" | "checksumVerified" | "created" | "permalink" | "isPublic"> & {preview: string | null, viewerCanDelete: boolean, viewerCanUpdate: boolean, fileManager: {id: string, name: string} | null}} ListedFile */
/** As the page's form has them: `status` and `order` are pieces of GraphQL. @typedef {{name: string, status: string, storage: string, order: string}} Search */
/** @typedef {{files: ListedFile[], endCursor: string | null}} Page */

const PAGE_SIZE = 50;

const START = `query Start {
  viewer { id username }
  fileManagers(first: 50) {
    edges { node {
      id name backendType isDefault supportsDirectUpload maxFileSize maxFilesPerBatch allowedExtensions allowedMimeTypes
    } }
  }
}`;

// No fragment, and no variable of a type that a schema may have a prefix before.
const LISTED = `
  id originalFilename fileSize contentType uploadStatus failureReason checksum checksumVerified created permalink
  isPublic preview: downloadUrl(disposition: INLINE) viewerCanDelete viewerCanUpdate fileManager { id name }
`;

/** @param {Search} search */
const files = ({ name, status, order }) => `query Files($first: Int!, $after: String, $storage: ID) {
  viewer { id }
  files(first: $first, after: $after, ordering: [{${order}}], filters: {
    uploadStatusIn: [${status}], fileManager: $storage, originalFilename: ${name ? `{contains: ${JSON.stringify(name)}}` : null}
  }) { edges { node { ${LISTED} } } pageInfo { hasNextPage endCursor } }
}`;

const FILE = `query OneFile($id: ID!) { file(id: $id) { ${LISTED} } }`;

/** @param {number} size */
const checksums = (size) => `query Checksums($id: ID!) {
  fileManager(id: $id) { checksumAlgorithms(forSize: ${size}) }
}`;

const DELETE = `mutation DeleteFiles($ids: [ID!]!) {
  deleteFiles(input: {ids: $ids}) { errors { code message field retryable } }
}`;

const PUBLISH = `mutation Publish($id: ID!, $isPublic: Boolean!) {
  updateFile(input: {id: $id, isPublic: $isPublic}) { file { ${LISTED} } errors { code message retryable } }
}`;

/** What the page asks of the API beside uploading. */
export class Server {
  #request;
  #filesPerBatch = 1;

  /** @param {import("../uploader/types.js").GraphQLRequest} request */
  constructor(request) {
    this.#request = request;
  }

  /** @returns {Promise<{viewer: {username: string} | null, fileManagers: FileManager[]}>} */
  async start() {
    const { viewer, fileManagers } = await this.#ask(START, {});
    const managers = nodes(fileManagers);
    this.#filesPerBatch = managers[0]?.maxFilesPerBatch ?? 1;
    return { viewer, fileManagers: managers };
  }

  /** @param {Search} search @param {string | null} after  cursor @returns {Promise<Page>} */
  async files(search, after) {
    const { viewer, files: found } = await this.#ask(files(search), { first: PAGE_SIZE, after, storage: search.storage || null });
    // To nobody, no file is visible.
    if (!viewer) throw new UploadError({ code: "UNAUTHENTICATED", message: "You are not signed in. Sign in and try again." });
    const { edges, pageInfo } = found;
    return { files: nodes({ edges }), endCursor: pageInfo.hasNextPage ? pageInfo.endCursor : null };
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

  /** Unfinished uploads are aborted. @param {string[]} ids @returns {Promise<Map<string, string>>} why some are still there, by id */
  async deleteFiles(ids) {
    const kept = new Map();
    for (let first = 0; first < ids.length; first += this.#filesPerBatch) {
      const batch = ids.slice(first, first + this.#filesPerBatch);
      const { errors } = (await this.#ask(DELETE, { ids: batch })).deleteFiles;
      for (const error of errors) {
        if (!error.field?.[1]) throw new UploadError(error);
        kept.set(batch[Number(error.field[1])], error.message);
      }
    }
    return kept;
  }

  /** @param {string} id @param {boolean} isPublic @returns {Promise<ListedFile>} */
  async publish(id, isPublic) {
    const { file, errors } = (await this.#ask(PUBLISH, { id, isPublic })).updateFile;
    if (errors.length) throw new UploadError(errors[0]);
    return file;
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
