import type { Reserved } from './next-step';

type Known = Pick<Reserved, 'uploadToken' | 'file'>;

/** The operations of an upload's life in their order; the variables of most need what the first one answers. */
const EXAMPLES: { query: string; variables: object | ((known: Known) => object) }[] = [
  {
    query: `# 1. Reserve one upload per file.
#
# The answer has every request that carries the
# bytes, signed. Afterwards the line below the
# answer sends them, and the next tabs know the
# uploadToken, which is shown only here.
mutation InitiateUpload($input: InitiateUploadInput!) {
  initiateUpload(input: $input) {
    success
    files {
      uploadToken
      file { id filename fileSize uploadStatus expiresAt }
      instructions {
        ordered maxConcurrency totalParts hasMore
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
`,
    variables: {
      input: {
        files: [{ filename: 'hello.txt', contentType: 'text/plain', size: 13 }],
        metadata: { source: 'graphiql' },
        atomic: false,
      },
    },
  },
  {
    query: `# 2. Ask again, after a failure or a restart.
#
# Newly signed requests for what the storage
# still lacks: none, once the bytes are there.
mutation RefreshUpload($input: RefreshUploadInput!) {
  refreshUpload(input: $input) {
    success
    instructions {
      hasMore
      requests {
        partNumber offset length method url
        headers { name value } fields { name value }
        fileField successStatus
      }
    }
    errors { code message retryable retryAfterSeconds }
  }
}
`,
    variables: ({ uploadToken }) => ({ input: { uploadToken } }),
  },
  {
    query: `# 3. Verify what the storage has, and publish it.
#
# Safe to repeat: instructions in the answer say
# what the storage still lacks.
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
`,
    variables: ({ uploadToken, file }) => ({ input: { uploadToken, fileSize: file.fileSize } }),
  },
  {
    query: `# 4. One file.
#
# Null if it does not exist or if you may not
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
`,
    variables: ({ file }) => ({ id: file.id }),
  },
  {
    query: `# 5. Your own files, a page at a time.
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
`,
    variables: { first: 10, after: null },
  },
  {
    query: `# 6. Where you may upload to, and what is allowed
#    there: pass an id as fileManagerId in tab 1.
query FileManagers {
  fileManagers {
    edges {
      node {
        id name backendType isDefault
        maxFileSize maxFilesPerBatch
        allowedExtensions allowedMimeTypes
      }
    }
  }
}
`,
    variables: {},
  },
  {
    query: `# 7. Delete the file, from the storage too.
mutation DeleteFile($input: DeleteFileInput!) {
  deleteFile(input: $input) {
    success
    errors { code message }
  }
}
`,
    variables: ({ file }) => ({ input: { id: file.id } }),
  },
];

const NONE: Known = { uploadToken: 'run the first tab', file: { id: 'run the first tab', filename: '', fileSize: 13 } };

/** The tabs of a first visit; after that GraphiQL remembers the visitor's own. */
export const EXAMPLE_TABS = EXAMPLES.map(({ query, variables }) => ({ query, variables: print(variables, NONE) }));

/** The variables of an example for this upload; null for those that are the same for all, and for other operations. */
export function variablesFor(operationName: string, known: Known): string | null {
  const { variables } = EXAMPLES.find(({ query }) => query.includes(` ${operationName}(`)) ?? {};
  return typeof variables === 'function' ? print(variables, known) : null;
}

function print(variables: object | ((known: Known) => object), known: Known): string {
  return JSON.stringify(typeof variables === 'function' ? variables(known) : variables, null, 2);
}
