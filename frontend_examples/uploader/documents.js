// Written out, without fragments: these would name types, which a host's GRAPHQL_PREFIX renames.

const ERRORS = "errors { code message field retryable retryAfterSeconds }";

/** What a reserved file is asked for: each field costs the server, times fifty. */
const RESERVED = "id originalFilename fileSize uploadStatus expiresAt";

const STORED = `file { ${RESERVED} filename filePath contentType failureReason checksum checksumVerified metadata isPublic created permalink downloadUrl }`;

const REQUESTS = "requests { partNumber offset length method url headers { name value } fields { name value } fileField successStatus }";
const INSTRUCTIONS = `instructions { ${REQUESTS} ordered maxConcurrency partSize totalParts hasMore expiresAt }`;

/** @param {string} name @param {string} selection  beside success and errors */
function mutation(name, selection) {
  const type = name[0].toUpperCase() + name.slice(1);
  return `mutation ${type}($input: ${type}Input!) { ${name}(input: $input) { success ${selection} ${ERRORS} } }`;
}

/** The GraphQL documents, by mutation. */
export const DOCUMENTS = {
  initiateUpload: mutation(
    "initiateUpload",
    `files { uploadToken file { ${RESERVED} } ${INSTRUCTIONS} ${ERRORS} } fileManager { id name backendType }`,
  ),
  refreshUpload: mutation("refreshUpload", `uploadToken ${STORED} ${INSTRUCTIONS}`),
  finalizeUpload: mutation("finalizeUpload", `${STORED} ${INSTRUCTIONS}`),
  abortUpload: mutation("abortUpload", ""),
};
