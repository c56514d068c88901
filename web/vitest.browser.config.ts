import { defineConfig } from 'vitest/config';

// Against a running service, whose address is in NST_ADDRESS: tests/server/test_page_in_browser.py starts it.
export default defineConfig({
  test: {
    include: ['browser/**/*.test.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } }, // a page shows a change when it is ready, on a busy machine later
  },
});
