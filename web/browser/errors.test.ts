import { expect, test } from 'vitest';
import { givePhoto, GUARDED_ADDRESS, KEY, painted, style, visit } from './visit';

test('what is no picture is named beside where it was given', async () => {
  const { page } = await visit();
  await page.getByLabel('Choose a picture').last().setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
  await page
    .locator('.start [role=alert]', { hasText: /^“notes.txt” is no picture that this browser can show; choose a JPEG, PNG, WebP or AVIF file.$/ })
    .waitFor();
  await page.getByLabel('Your own style…').last().setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('broken') });
  await page.locator('.gallery [role=alert]', { hasText: '“broken.png” is no picture' }).waitFor();
});

test('what is no video is named, and a video that cannot be read', async () => {
  const { page } = await visit('mode=video&styles=scream');
  const input = page.getByLabel(/^(Choose a|Another) video$/).last();
  await input.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no video') });
  await page.locator('.start [role=alert]', { hasText: '“notes.txt” is no video' }).waitFor();
  await input.setInputFiles({ name: 'broken.mp4', mimeType: 'video/mp4', buffer: Buffer.from('broken') });
  await page.getByRole('button', { name: 'Paint it' }).click();
  await page.locator('.stage > [role=alert] .error').waitFor();
  await expect.poll(() => page.getByRole('button', { name: 'Paint it' }).isEnabled()).toBe(true);
});

test('a service that is gone is told, and asked again', async () => {
  const { page, expected } = await visit('styles=scream');
  expected.push(/ERR_FAILED/);
  await page.route('**/v1/stylize', (route) => route.abort());
  await givePhoto(page);
  await page.locator('.stage [role=alert]', { hasText: 'The service cannot be reached; is it still running?' }).waitFor();
  await page.unroute('**/v1/stylize');
  await page.getByRole('button', { name: 'Try again' }).click();
  await painted(page);
  await expect.poll(() => page.locator('.stage .error').count()).toBe(0);
});

test('a key is asked for when the service wants one; its own errors are shown', async () => {
  const { page, expected } = await visit('', {}, GUARDED_ADDRESS);
  expected.push(/401/, /413/);
  const field = page.getByLabel(/This service wants a key/);
  await field.fill('wrong');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('This service wants a key; give it above.').waitFor();
  await field.fill(KEY);
  await page.getByRole('button', { name: 'Use it' }).click();
  await style(page, 'The Scream').click();
  await givePhoto(page);
  await page.locator('.stage [role=alert]', { hasText: /bytes/ }).waitFor();
  await expect.poll(() => field.count()).toBe(0);
  expect(await page.evaluate(() => ({ ...localStorage, ...sessionStorage, cookie: document.cookie }))).toEqual({ cookie: '' });
});
