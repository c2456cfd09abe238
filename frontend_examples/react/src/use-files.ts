import { useEffect, useState } from 'react';
import type { Client } from './client';
import { DELETE_FILE, FILES, type FileRow } from './operations';

const PAGE_SIZE = 20;

interface Files {
  nodes: FileRow[];
  endCursor: string | null;
  hasMore: boolean;
}

export interface UseFiles extends Files {
  isLoading: boolean;
  /** Why the last request failed; null when it did not. */
  problem: string | null;
  showMore: () => void;
  remove: (id: string) => void;
}

const NOTHING: Files = { nodes: [], endCursor: null, hasMore: false };

/** The page behind those already read. */
async function readMore(client: Client, before: Files, signal?: AbortSignal): Promise<Files> {
  const { files } = await client.execute(FILES, { first: PAGE_SIZE, after: before.endCursor }, signal ? { signal } : {});
  const nodes = [...before.nodes, ...files.edges.map(({ node }) => node)];
  return { nodes, endCursor: files.pageInfo.endCursor, hasMore: files.pageInfo.hasNextPage };
}

async function deleteFile(client: Client, id: string): Promise<void> {
  const { deleteFile: reply } = await client.execute(DELETE_FILE, { input: { id } });
  if (!reply.success) throw new Error(reply.errors[0]?.message ?? 'The file was not deleted.');
}

/** The signed-in user's files, read again whenever `version` changes. */
export function useFiles(client: Client, version: number): UseFiles {
  const [known, setKnown] = useState<Files | null>(null);
  const files = known ?? NOTHING;
  const [problem, setProblem] = useState<string | null>(null);
  const fail = (cause: unknown) => setProblem(cause instanceof Error ? cause.message : String(cause));
  const show = (files: Files) => {
    setKnown(files);
    setProblem(null);
  };

  useEffect(() => {
    const leaving = new AbortController();
    const unlessLeft = (act: () => void) => leaving.signal.aborted || act();
    readMore(client, NOTHING, leaving.signal).then(
      (first) => unlessLeft(() => show(first)),
      (cause: unknown) => unlessLeft(() => fail(cause)),
    );
    return () => leaving.abort();
  }, [client, version]);

  const forget = (id: string) =>
    setKnown((now) => now && { ...now, nodes: now.nodes.filter((node) => node.id !== id) });
  return {
    ...files,
    isLoading: known === null && problem === null,
    problem,
    showMore: () => void readMore(client, files).then(show, fail),
    remove: (id) => void deleteFile(client, id).then(() => forget(id), fail),
  };
}
