import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  // the runtime's own file for bundlers, whose WebAssembly we hand out ourselves
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1000 },
  server: { proxy: { '/v1': { target: 'http://127.0.0.1:8000', ws: true }, '/assets/live.onnx': 'http://127.0.0.1:8000' } },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'jsdom' },
});
