import './style.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { connect } from './client';
import { VIEWER } from './operations';

async function load() {
  const client = await connect();
  const { viewer } = await client.execute(VIEWER, {});
  return <App client={client} username={viewer?.username ?? null} />;
}

const element = document.getElementById('app');
if (!element) throw new Error('The page has no element with the id "app".');
const root = createRoot(element);
root.render(<p>Loading…</p>);
load().then(
  (app) => root.render(<StrictMode>{app}</StrictMode>),
  (cause: unknown) => root.render(<p role="alert">The API cannot be reached. {String(cause)}</p>),
);
