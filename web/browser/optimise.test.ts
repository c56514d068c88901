import { expect, test } from 'vitest';
import { difference, givePhoto, style, visit } from './visit';

const SMALL = 'mode=optimise&styles=great-wave&iterations=60&pixels=128';

test('an optimisation shows snapshots, losses and its result', async () => {
  const { page, requests } = await visit(SMALL);
  await givePhoto(page);
  await page.getByLabel('First picture').selectOption('random');
  await page.getByLabel('Content weight').fill('2');
  await page.getByLabel('Style weight').fill('5');
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText(/Iteration \d+ of 60 at/).waitFor();
  await page.locator('.chart polyline').first().waitFor();
  await page.getByRole('img', { name: /The picture after iteration \d+/ }).waitFor();
  await page.getByText('Done.').waitFor();
  const sent = requests.find((request) => request.method() === 'POST')!.postData()!;
  for (const [name, value] of [['init', 'random'], ['content_weight', '2'], ['style_weight', '5']]) {
    expect(sent).toMatch(new RegExp(`name="${name}"\\s+${value}\\s`));
  }
  const points = await page.locator('.chart polyline.total').getAttribute('points');
  expect(points!.split(' ').length).toBeGreaterThan(50);
  const result = (await page.locator('.frame img').first().getAttribute('src'))!;
  const scrubber = page.getByRole('slider', { name: 'Iterations' });
  await scrubber.focus();
  await page.keyboard.press('Home');
  const first = page.getByRole('img', { name: 'The picture after iteration 3' });
  expect(await difference(page, result, (await first.getAttribute('src'))!)).toBeGreaterThan(8);
  await page.keyboard.press('End');
  await page.locator('.frame').waitFor();
  await page.getByRole('button', { name: /Show chelsea: Optimised: The Great Wave/ }).waitFor();
});

test('an optimisation is cancelled, here and there', async () => {
  const { page, requests } = await visit('mode=optimise&styles=scream&iterations=2000&pixels=256');
  await givePhoto(page);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText(/Iteration \d+ of 2000/).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor();
  const removal = await page.waitForResponse((answer) => answer.request().method() === 'DELETE').catch(() => null);
  const begun = requests.find((request) => request.method() === 'DELETE')!;
  expect((await (removal ?? (await begun.response()))!.json()).state).toMatch(/cancelled|running/);
  expect(await style(page, 'The Scream').isEnabled()).toBe(true);
});
