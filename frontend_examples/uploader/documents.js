// Written out, without fragments: these would name types, which a host's GRAPHQL_PREFIX renames.

const ERRORS = "errors { code message field retryable retryAfterSeconds }";

/** What a reserved file is asked for: each field costs the server, times fifty. */
const RESERVED = "file { id originalFilename fileSize uploadStatus expiresAt }";

const STORED = `file {
    id filename originalFilename filePath fileSize contentType uploadStatus failureReason
    checksum checksumVerified metadata isPublic created expiresAt permalink downloadUrl
  }`;

const INSTRUCTIONS = `instructions {
    requests { partNumber offset length method url headers { name value } fields { name value } fileField successStatus }
    ordered maxConcurrency partSize totalParts hasMore expiresAt
  }`;

/** @param {string} name @param {string} selection  beside success and errors */
function mutation(name, selection) {
  const type = name[0].toUpperCase() + name.slice(1);
  return `mutation ${type}($input: ${type}Input!) { ${name}(input: $input) { success ${selection} ${ERRORS} } }`;
}

/** The GraphQL documents, by mutation. */
export const DOCUMENTS = {
  initiateUpload: mutation(
    "initiateUpload",
    `files { index uploadToken ${RESERVED} ${INSTRUCTIONS} ${ERRORS} } fileManager { id name backendType }`,
  ),
  refreshUpload: mutation("refreshUpload", `uploadToken ${STORED} ${INSTRUCTIONS}`),
  finalizeUpload: mutation("finalizeUpload", `${STORED} ${INSTRUCTIONS}`),
  abortUpload: mutation("abortUpload", ""),
};
