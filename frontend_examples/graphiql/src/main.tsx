import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { GraphiQL } from 'graphiql';
import { StrictMode, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { EXAMPLE_TABS } from './examples';
import { createFetcher } from './fetcher';
import { NextStep, type Reserved } from './next-step';
import { initialEditors } from './tabs';

const root = document.getElementById('graphiql');
if (!root) throw new Error('The page has no element with the id "graphiql".');

const { endpoint = location.pathname, csrfToken = '' } = root.dataset;
const editors = initialEditors();

function Explorer() {
  const [reserved, setReserved] = useState<Reserved | null>(null);
  const fetcher = useMemo(() => createFetcher(endpoint, csrfToken, (reply) => setReserved((before) => reservedIn(reply) ?? before)), []);
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={EXAMPLE_TABS}
      {...editors}
      defaultEditorToolsVisibility="variables"
      customScalarSchemas={{ JSON: {}, BigInt: { type: ['integer', 'string'] } }}
    >
      <GraphiQL.Footer>{reserved && <NextStep key={reserved.uploadToken} reserved={reserved} />}</GraphiQL.Footer>
    </GraphiQL>
  );
}

/** Null unless the answer has all that the next steps need. */
function reservedIn(reply: unknown): Reserved | null {
  const [file] = (reply as { data?: { initiateUpload?: { files?: Partial<Reserved>[] } } }).data?.initiateUpload?.files ?? [];
  return file?.uploadToken && file.file?.id && file.instructions?.requests?.[0]?.url ? (file as Reserved) : null;
}

createRoot(root).render(
  <StrictMode>
    <Explorer />
  </StrictMode>,
);
