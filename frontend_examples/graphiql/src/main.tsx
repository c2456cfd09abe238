import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { GraphiQL } from 'graphiql';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { EXAMPLE_TABS } from './examples';
import { createFetcher } from './fetcher';
import { SessionBar } from './session';
import { initialEditors } from './tabs';

const root = document.getElementById('graphiql');
if (!root) throw new Error('The page has no element with the id "graphiql".');

const api = {
  endpoint: root.dataset.endpoint || location.pathname,
  csrfToken: root.dataset.csrfToken ?? '',
};
const loginUrl = root.dataset.loginUrl ?? '/accounts/login/';
const fetcher = createFetcher(api);

createRoot(root).render(
  <StrictMode>
    <SessionBar api={api} loginUrl={`${loginUrl}?next=${encodeURIComponent(location.pathname)}`} />
    <main className="explorer" aria-label="GraphQL explorer">
      <GraphiQL
        fetcher={fetcher}
        defaultTabs={EXAMPLE_TABS}
        {...initialEditors()}
        defaultEditorToolsVisibility="variables"
        customScalarSchemas={{ JSON: {}, BigInt: { type: ['integer', 'string'] } }}
      />
    </main>
  </StrictMode>,
);
