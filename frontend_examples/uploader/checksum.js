/** @import {ChecksumOptions} from "./checksum-client.js" */
/** @import {UploadOptions} from "./types.js" */
import { computeChecksum } from "./checksum-client.js";
import { UploadError } from "./errors.js";
import { settle } from "./retry.js";

/**
 * `<algorithm>:<hex>` of the whole file, computed in a worker of its own, slice by slice. Undefined: none is wanted.
 * @param {File} file @param {NonNullable<UploadOptions["checksum"]>} algorithm @param {ChecksumOptions} [options]
 */
export function checksumOf(file, algorithm, options = {}) {
  return computeChecksum(file, algorithm, options, { settle, UploadError });
}
