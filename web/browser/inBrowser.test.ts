import { expect, test } from 'vitest';
import { difference, givePhoto, painted, style, visit } from './visit';

const CLOSE = 3;

test('this browser paints, uploads nothing, and both times are shown', async () => {
  const { page, requests } = await visit('model=live');
  expect(requests.filter((request) => /onnx|ort-wasm|worker/.test(request.url()))).toEqual([]);
  await page.getByRole('switch', { name: 'In this browser' }).check();
  await givePhoto(page);
  await style(page, 'The Scream').click();
  const here = await painted(page);
  await page.getByText(/In this browser: \d+ ms \(Web/).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.tile .inset').length === 16); // all previews, too
  const since = requests.filter((request) => !request.url().startsWith('blob:'));
  expect(since.filter((request) => request.method() !== 'GET')).toEqual([]);
  const fetched = since.map((request) => new URL(request.url()).pathname).filter((path) => /worker|onnx|ort/.test(path));
  expect(fetched.filter((path) => path === '/assets/live.onnx')).toHaveLength(1);
  expect(fetched.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
  await page.getByRole('switch', { name: 'In this browser' }).uncheck();
  await page.getByText(/By the service: \d+ ms \(live\)/).waitFor();
  await page.getByText(/In this browser: \d+ ms/).waitFor();
  expect(await difference(page, here, await painted(page))).toBeLessThan(CLOSE); // the same network
});

test('an own style is refused in this browser, with the way out', async () => {
  const { page, requests } = await visit('browser=yes');
  await page.getByLabel('Your own style…').last().setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('') });
  await page.locator('.gallery [role=alert]', { hasText: 'turn off “In this browser”' }).waitFor();
  expect(requests.filter((request) => request.method() === 'POST')).toEqual([]);
});
