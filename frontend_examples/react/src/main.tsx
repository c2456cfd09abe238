import './style.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { connect } from './server';

const element = document.getElementById('app');
if (!element) throw new Error('The page has no element with the id "app".');
const root = createRoot(element);
root.render(<p>Loading…</p>);
connect().then(
  (server) =>
    root.render(
      <StrictMode>
        <App server={server} />
      </StrictMode>,
    ),
  (cause: unknown) => root.render(<p role="alert">The API cannot be reached. {String(cause)}</p>),
);
