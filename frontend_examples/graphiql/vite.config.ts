import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [
    {
      // Embedded in the style sheet they are 327 kB gzipped. The system's do; the icons come from the editor's own sheet.
      name: 'without-fonts',
      enforce: 'pre',
      transform: (code, id) => (id.endsWith('graphiql/dist/style.css') ? code.replace(/@font-face\s*{[^}]*}/g, '') : null),
    },
  ],
  build: {
    outDir: 'dist',
    target: 'es2023',
    cssCodeSplit: false,
    chunkSizeWarningLimit: 8192,
    license: { fileName: 'LICENSES.md' },
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
