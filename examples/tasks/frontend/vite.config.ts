import { defineConfig } from 'vite';

const { PORT, HOST, API_URL } = process.env;

export default defineConfig({
  server: {
    port: Number(PORT ?? 5173),
    strictPort: PORT !== undefined,
    host: HOST ?? 'localhost',
    // Behind a local proxy the page has that proxy's name.
    allowedHosts: ['.localhost'],
    // Alone, the development server brings the API under the same address.
    proxy: { '/api': API_URL ?? 'http://127.0.0.1:3001', '/health': API_URL ?? 'http://127.0.0.1:3001' },
  },
  build: { target: 'es2022', modulePreload: { polyfill: false } },
});
