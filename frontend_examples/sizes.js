// `npm run sizes`, after `npm run build`: prints the table of README.md. Lines are the example's own code; kilobytes
// are everything it can send to a browser, gzipped file by file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const EXAMPLES = {
  uploader: { own: 'uploader', sent: ['uploader'] },
  vanilla: { own: 'vanilla', sent: ['vanilla', 'uploader'] },
  react: { own: 'react/src', sent: ['react/dist'] },
  uppy: { own: 'uppy/src', sent: ['uppy/dist'] },
  graphiql: { own: 'graphiql/src', sent: ['graphiql/dist'] },
  python: { own: 'python', sent: [] },
};
const CODE = new Set(['.css', '.html', '.js', '.py', '.ts', '.tsx']);
const SENT = new Set(['.css', '.html', '.js', '.ttf']);
const NEVER_LOADED = /\b(node_modules|test|types\.js$)/;

function filesIn(folder, extensions) {
  const path = join(import.meta.dirname, folder);
  if (!existsSync(path)) return [];
  const names = readdirSync(path, { recursive: true }).filter((name) => !NEVER_LOADED.test(name));
  return names.filter((name) => extensions.has(extname(name))).map((name) => readFileSync(join(path, name)));
}

function countLines(files) {
  return files.reduce((sum, file) => sum + file.toString().trimEnd().split('\n').length, 0);
}

function countGzipBytes(files) {
  return files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
}

console.log('| example | own code, lines | sent to the browser, kB gzipped |\n|---|---:|---:|');
for (const [name, { own, sent }] of Object.entries(EXAMPLES)) {
  const bytes = countGzipBytes(sent.flatMap((folder) => filesIn(folder, SENT)));
  console.log(`| ${name} | ${countLines(filesIn(own, CODE))} | ${bytes ? (bytes / 1000).toFixed(1) : 'none'} |`);
}
