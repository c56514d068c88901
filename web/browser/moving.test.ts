import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { CLIP, style, visit } from './visit';

const framesPerSecond = async (page: Page): Promise<number> =>
  Number(/([\d.]+) frames\/s/.exec(await page.locator('.figures').innerText())![1]);

const colours = (page: Page): Promise<number> =>
  page.locator('.live canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });

/** How often the tests look into the canvas is no concern of the page. */
const READBACK = /willReadFrequently/;

test('the camera is painted by the service, in the style that is chosen meanwhile', async () => {
  const { page, requests, expected } = await visit('mode=camera&styles=scream');
  expected.push(READBACK);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.locator('.figures', { hasText: /frames\/s.*by the service|by the service.*frames\/s/s }).waitFor();
  expect(await framesPerSecond(page)).toBeGreaterThan(0);
  await expect.poll(() => colours(page), { timeout: 30_000 }).toBeGreaterThan(1000); // the fake camera has a few flat ones
  await style(page, 'The Starry Night').click();
  await page.getByLabel('Strength').fill('0');
  await page.waitForFunction(() => {
    const canvas = document.querySelector('.live canvas') as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const [red = 0, green = 0, blue = 0] = data.slice(4 * 200, 4 * 200 + 3); // the fake camera's green
    return green > red + 60 && green > blue + 60;
  });
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Begin' }).waitFor();
  expect(requests.filter((request) => request.method() === 'POST')).toEqual([]);
});

test('the camera is painted in this browser', async () => {
  const { page, expected } = await visit('mode=camera&styles=scream&browser=yes');
  expected.push(READBACK);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.locator('.figures', { hasText: /frames\/s.*in this browser, Web/s }).waitFor();
  expect(await framesPerSecond(page)).toBeGreaterThan(0);
  await expect.poll(() => colours(page), { timeout: 30_000 }).toBeGreaterThan(1000);
});

test('a video is painted, with progress', async () => {
  const { page } = await visit('mode=video&styles=scream&model=live');
  await page.getByLabel('Choose a video').last().setInputFiles(CLIP);
  await page.getByRole('button', { name: 'Paint it' }).click();
  await page.getByText(/Frame \d+/).waitFor();
  await page.getByText('Done.').waitFor();
  const video = page.getByLabel('The painted video');
  await video.evaluate((element: HTMLVideoElement) => element.readyState >= 2 || new Promise((ready) => element.addEventListener('loadeddata', ready)));
  expect(await video.evaluate((element: HTMLVideoElement) => element.videoWidth)).toBeGreaterThan(0);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  expect(download.suggestedFilename()).toBe('clip_painted.mp4');
});
