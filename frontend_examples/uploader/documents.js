const PROBLEM = `
fragment Problem on UploadError { code message field retryable retryAfterSeconds }`;

const STORED = "file { ...StoredFile } instructions { ...Instructions }";

const STORED_FRAGMENTS = `
fragment StoredFile on File {
  id filename originalFilename filePath fileSize contentType uploadStatus failureReason
  checksum checksumVerified metadata isPublic created expiresAt permalink downloadUrl
}
fragment Instructions on UploadInstructions {
  requests { partNumber offset length method url headers { name value } fields { name value } fileField successStatus }
  ordered maxConcurrency partSize totalParts hasMore expiresAt
}`;

/** @param {string} name @param {string} selection  beside success and errors @param {string} [fragments]  that it spreads */
function mutation(name, selection, fragments = STORED_FRAGMENTS) {
  const type = name[0].toUpperCase() + name.slice(1);
  return `mutation ${type}($input: ${type}Input!) {
  ${name}(input: $input) { success ${selection} errors { ...Problem } }
}${PROBLEM}${fragments}`;
}

/** The GraphQL documents, by mutation. */
export const DOCUMENTS = {
  initiateUpload: mutation(
    "initiateUpload",
    `files { index uploadToken ${STORED} errors { ...Problem } } fileManager { id name backendType }`,
  ),
  refreshUpload: mutation("refreshUpload", `uploadToken ${STORED}`),
  finalizeUpload: mutation("finalizeUpload", STORED),
  abortUpload: mutation("abortUpload", "", ""),
};
