import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: {
    outDir: 'dist',
    target: 'es2023',
    cssCodeSplit: false,
    chunkSizeWarningLimit: 8192,
    rolldownOptions: {
      input: 'src/main.tsx',
      onLog(level, log, handler) {
        // "use client" in the packages that GraphiQL is made of speaks to server renderers only.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handler(level, log);
      },
      output: {
        // One module and one style sheet with fixed names: the Django template names them, and no other file
        // imports them, so storages that rename static files by their hash may do so.
        codeSplitting: false,
        entryFileNames: 'graphiql.js',
        assetFileNames: (asset) => (asset.names[0]?.endsWith('.css') ? 'graphiql.css' : 'assets/[name]-[hash][extname]'),
      },
    },
  },
  worker: { format: 'es' },
});
