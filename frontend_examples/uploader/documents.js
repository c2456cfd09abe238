const PROBLEM = `
fragment Problem on UploadError { code message field retryable retryAfterSeconds }`;

const STORED_FILE = `
fragment StoredFile on File { id filename originalFilename filePath fileSize contentType uploadStatus failureReason
  checksum checksumVerified metadata isPublic created expiresAt permalink downloadUrl }`;

const INSTRUCTIONS = `
fragment Instructions on UploadInstructions {
  requests { partNumber offset length method url headers { name value } fields { name value } fileField successStatus }
  ordered maxConcurrency partSize totalParts hasMore expiresAt
}`;

/** @param {string} name @param {string} selection @param {string[]} fragments */
function mutation(name, selection, ...fragments) {
  const type = name[0].toUpperCase() + name.slice(1);
  return `mutation ${type}($input: ${type}Input!) {
  ${name}(input: $input) { success ${selection} errors { ...Problem } }
}${PROBLEM}${fragments.join("")}`;
}

/** The GraphQL documents, by mutation. */
export const DOCUMENTS = {
  initiateUpload: mutation(
    "initiateUpload",
    `files { index uploadToken file { ...StoredFile } instructions { ...Instructions } errors { ...Problem } }
  fileManager { id name backendType }`,
    STORED_FILE,
    INSTRUCTIONS,
  ),
  refreshUpload: mutation(
    "refreshUpload",
    "file { ...StoredFile } instructions { ...Instructions } uploadToken",
    STORED_FILE,
    INSTRUCTIONS,
  ),
  finalizeUpload: mutation(
    "finalizeUpload",
    "file { ...StoredFile } instructions { ...Instructions }",
    STORED_FILE,
    INSTRUCTIONS,
  ),
  abortUpload: mutation("abortUpload", "file { id uploadStatus }"),
};
