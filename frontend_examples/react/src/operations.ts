import type { RemoteFile } from '../../uploader/types.js';

/** A GraphQL document that knows the types of its answer and of its variables. */
export interface Operation<Data, Variables> {
  readonly document: string;
  /** Never there at run time: it only carries the types. */
  readonly types?: (variables: Variables) => Data;
}

function operation<Data, Variables>(document: string): Operation<Data, Variables> {
  return { document };
}

/** A row of the list of files. */
export type FileRow = Pick<
  RemoteFile,
  'id' | 'originalFilename' | 'fileSize' | 'created' | 'uploadStatus' | 'permalink'
> & { viewerCanDelete: boolean };

export interface FilePage {
  edges: { node: FileRow }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export const VIEWER = operation<{ viewer: { username: string } | null }, Record<string, never>>(`
  query Viewer {
    viewer { username }
  }
`);

export const FILES = operation<{ files: FilePage }, { first: number; after: string | null }>(`
  query Files($first: Int, $after: String) {
    files(first: $first, after: $after) {
      edges {
        node { id originalFilename fileSize created uploadStatus permalink viewerCanDelete }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const DELETE_FILE = operation<
  { deleteFile: { success: boolean; errors: { message: string }[] } },
  { input: { id: string } }
>(`
  mutation DeleteFile($input: DeleteFileInput!) {
    deleteFile(input: $input) {
      success
      errors { message }
    }
  }
`);
