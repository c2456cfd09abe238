import { defineConfig } from 'vite';

const django = { target: 'http://127.0.0.1:8000', changeOrigin: false };

export default defineConfig({
  base: './',
  build: {
    outDir: 'dist',
    target: 'es2023',
    modulePreload: false,
    rolldownOptions: { output: { entryFileNames: 'react.js', assetFileNames: 'react[extname]' } },
  },
  // `npm run dev -w react`: the page from Vite, the API from Django, one origin, so that cookies and CSRF work.
  server: { proxy: { '/graphql': django, '/fileman': django, '/accounts': django } },
});
