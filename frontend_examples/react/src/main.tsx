import './style.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '../../connection';
import { App } from './App';

const element = document.getElementById('app');
if (!element) throw new Error('The page has no element with the id "app".');
const root = createRoot(element);
root.render(<p>Loading…</p>);
connect().then(
  (connection) =>
    root.render(
      <StrictMode>
        <App connection={connection} />
      </StrictMode>,
    ),
  (cause: unknown) => root.render(<p role="alert">The API cannot be reached. {String(cause)}</p>),
);
