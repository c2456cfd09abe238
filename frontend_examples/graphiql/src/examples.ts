import type { GraphiQLProps } from 'graphiql';

type Tab = NonNullable<GraphiQLProps['defaultTabs']>[number];

const INITIATE = `# 1. Reserve one upload per file.
#
# The answer holds, ready signed, every request
# that carries the bytes. Send "Hello, world!"
# (13 bytes) as requests[0] says: its method, url
# and headers, as a form if it has fields.
# Copy the uploadToken: it is shown only here.
mutation InitiateUpload($input: InitiateUploadInput!) {
  initiateUpload(input: $input) {
    success
    files {
      clientRef uploadToken
      file { id filename uploadStatus expiresAt }
      instructions {
        ordered maxConcurrency totalParts hasMore
        expiresAt
        requests {
          partNumber offset length method url
          headers { name value }
          fields { name value }
          fileField successStatus
        }
      }
      errors { code message field }
    }
    errors { code message field retryable }
  }
}
`;

const FINALIZE = `# 2. Verify what the storage holds, publish it.
#
# Put the uploadToken into the variables below.
# Safe to repeat: instructions that come back
# tell what the storage still lacks.
mutation FinalizeUpload($input: FinalizeUploadInput!) {
  finalizeUpload(input: $input) {
    success
    file {
      id filename fileSize contentType uploadStatus
      downloadUrl
    }
    instructions { totalParts hasMore }
    errors { code message retryable retryAfterSeconds }
  }
}
`;

const FILE = `# 3. One file, by the id that the others show.
#
# Null when it does not exist or when you may not
# see it: the two look alike.
query File($id: ID!) {
  file(id: $id) {
    id originalFilename filename fileSize contentType
    uploadStatus failureReason checksum
    checksumVerified isPublic created completedAt
    permalink
    downloadUrl(expiresIn: 600, disposition: INLINE)
    viewerCanUpdate viewerCanDelete
  }
}
`;

const FILES = `# 4. Your own files, a page at a time.
#
# Pass endCursor as "after" for the next page.
query Files($first: Int, $after: String) {
  files(first: $first, after: $after) {
    edges {
      node {
        id originalFilename fileSize contentType
        uploadStatus created downloadUrl
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

function tab(query: string, variables: object): Tab {
  return { query, variables: JSON.stringify(variables, null, 2) };
}

/** The tabs of a first visit; after that GraphiQL remembers the visitor's own. */
export const EXAMPLE_TABS: Tab[] = [
  tab(INITIATE, {
    input: {
      files: [{ filename: 'hello.txt', contentType: 'text/plain', size: 13, clientRef: 'first' }],
      metadata: { source: 'graphiql' },
      atomic: false,
    },
  }),
  tab(FINALIZE, { input: { uploadToken: 'paste the uploadToken here', fileSize: 13 } }),
  tab(FILE, { id: 'paste the id of a file here' }),
  tab(FILES, { first: 10, after: null }),
];
