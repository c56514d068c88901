import { expect, test } from 'vitest';
import { ADDRESS, difference, givePhoto, style, visit } from './visit';

const SMALL = 'mode=optimise&styles=great-wave&iterations=40&pixels=128';

test('an optimisation shows snapshots, losses and its result', async () => {
  const { page } = await visit(SMALL);
  await page.evaluate(() => {
    const { fetch } = globalThis;
    globalThis.fetch = (path, init) => {
      if (path === '/v1/optimizations' && init?.body instanceof FormData) Object.assign(globalThis, { sent: Object.fromEntries(init.body) });
      return fetch(path, init);
    };
  });
  await givePhoto(page);
  await page.getByLabel('First picture').selectOption('random');
  await page.getByLabel('Content weight').fill('2');
  await page.getByLabel('Style weight').fill('5');
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText(/Iteration \d+ of 40 at/).waitFor();
  await page.locator('.chart polyline').first().waitFor();
  await page.getByRole('img', { name: /The picture after iteration \d+/ }).waitFor();
  await page.getByText('Done.').waitFor();
  expect(await page.evaluate(() => ({ ...(globalThis as unknown as { sent: object }).sent, photo: null }))).toMatchObject({
    init: 'random',
    content_weight: '2',
    style_weight: '5',
    num_iterations: '40',
  });
  const points = await page.locator('.chart polyline.total').getAttribute('points');
  expect(points!.split(' ').length).toBeGreaterThan(35);
  const result = (await page.locator('.frame img').first().getAttribute('src'))!;
  const scrubber = page.getByRole('slider', { name: 'Iterations' });
  await scrubber.focus();
  await page.keyboard.press('Home');
  const first = page.getByRole('img', { name: /^The picture after iteration \d$/ });
  expect(await difference(page, result, (await first.getAttribute('src'))!)).toBeGreaterThan(8);
  await page.keyboard.press('End');
  await page.locator('.frame').waitFor();
  await page.getByRole('button', { name: /Show chelsea: Optimised: The Great Wave/ }).waitFor();
});

test('an optimisation is cancelled, here and there', async () => {
  const { page } = await visit('mode=optimise&styles=scream&iterations=2000&pixels=256');
  await givePhoto(page);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText(/Iteration \d+ of 2000/).waitFor();
  const removal = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor();
  const told = await removal;
  expect(told.status()).toBe(200);
  const job = new URL(told.url()).pathname;
  await expect.poll(async () => (await (await fetch(ADDRESS + job)).json()).state, { timeout: 20_000 }).toBe('cancelled');
  await expect.poll(() => style(page, 'The Scream').isEnabled()).toBe(true);
});
