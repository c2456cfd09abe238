import { defineConfig } from 'vite';

const django = { target: 'http://127.0.0.1:8000', changeOrigin: false };

/** A page with fixed names for its script and its style sheet, wherever it is served. */
export const example = (name: string) =>
  defineConfig({
    base: './',
    build: {
      outDir: 'dist',
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: { output: { entryFileNames: `${name}.js`, assetFileNames: `${name}[extname]` } },
    },
    // `npm run dev -w react`: the page from Vite, the API from Django, one origin, so that cookies and CSRF work.
    server: { proxy: { '/graphql': django, '/fileman': django, '/accounts': django } },
  });
