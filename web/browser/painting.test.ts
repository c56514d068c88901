import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formOf } from '../src/service';
import { ADDRESS, difference, givePhoto, PAINTING, painted, PHOTO, style, visit } from './visit';

const DIFFERENT = 8;
const SAME = 1;

test('a picture becomes the one that the service paints', async () => {
  const { page } = await visit();
  await givePhoto(page);
  await style(page, 'The Great Wave').click();
  const url = await painted(page);
  const photo = (await page.locator('.frame .over').getAttribute('src'))!;
  expect(await difference(page, url, photo)).toBeGreaterThan(DIFFERENT);
  const asked = await fetch(`${ADDRESS}/v1/stylize`, {
    method: 'POST',
    body: formOf({ photo: new Blob([readFileSync(PHOTO)]), style: 'great-wave', max_side: 1280, quality: 92 }),
  });
  const expected = Buffer.from(await asked.arrayBuffer()).toString('base64');
  expect(await difference(page, url, `data:image/jpeg;base64,${expected}`)).toBeLessThan(SAME);
  await page.getByText(/By the service: \d+ ms \(live\)/).waitFor();
});

test('strength, strokes and colours change the picture', async () => {
  const { page } = await visit('styles=scream');
  await givePhoto(page);
  let before = await painted(page);
  const repainted = async () => {
    await page.waitForFunction((old) => document.querySelector('.frame img')?.getAttribute('src') !== old, before);
    const after = await painted(page);
    expect(await difference(page, before, after)).toBeGreaterThan(SAME);
    before = after;
  };
  await page.getByLabel('Strength').fill('0.5');
  await repainted();
  await page.getByLabel('Stroke size').fill('1');
  await repainted();
  await page.getByLabel('Colours').selectOption('luma');
  await repainted();
  expect(new URL(page.url()).hash).toBe('#styles=scream&strength=0.5&stroke=2&color=luma');
});

test('up to three styles are blended, and a link to them opens the same', async () => {
  const { page } = await visit();
  await givePhoto(page);
  await style(page, 'The Scream').click();
  const alone = await painted(page);
  await page.getByRole('button', { name: 'Blend with The Starry Night' }).click();
  await page.getByRole('button', { name: 'Blend with Poppies' }).click();
  await expect.poll(() => page.getByRole('button', { name: /^Blend with/ }).count()).toBe(0);
  await page.getByRole('slider', { name: 'The Starry Night' }).fill('100');
  await page.getByRole('button', { name: 'Without Poppies' }).click();
  await page.waitForFunction((old) => document.querySelector('.frame img')?.getAttribute('src') !== old, alone);
  const blended = await painted(page);
  expect(await difference(page, alone, blended)).toBeGreaterThan(SAME);
  await page.getByRole('button', { name: 'Share settings' }).click();
  await page.getByText('A link to these settings').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link).toContain('#styles=scream:100,starry-night:100');
  const other = await visit(link.split('#')[1]);
  await expect.poll(() => other.page.getByRole('slider', { name: 'The Starry Night' }).inputValue()).toBe('100');
});

test('a style image of the visitor paints', async () => {
  const { page } = await visit();
  await givePhoto(page);
  await page.getByLabel('Your own style…').last().setInputFiles(PAINTING);
  const url = await painted(page);
  expect(await difference(page, url, (await page.locator('.frame .over').getAttribute('src'))!)).toBeGreaterThan(DIFFERENT);
  await expect.poll(() => page.getByRole('button', { name: /^coffee/ }).getAttribute('aria-pressed')).toBe('true');
  await page.getByText(/By the service: \d+ ms \(any-fast\)/).waitFor();
});

test('the result is compared, enlarged, copied, downloaded and found again', async () => {
  const { page } = await visit('styles=poppies');
  await givePhoto(page);
  const url = await painted(page);
  const split = page.getByRole('slider', { name: /How much of the photo/ });
  await split.focus();
  await page.keyboard.press('End');
  await expect.poll(() => split.getAttribute('aria-valuetext')).toBe('100 % photo, 0 % painting');
  await page.getByRole('button', { name: 'Larger' }).click();
  await expect.poll(() => page.locator('.window').evaluate((window) => window.scrollWidth > window.clientWidth * 1.4)).toBe(true);
  await page.getByRole('button', { name: 'Beside its sources' }).click();
  await expect.poll(() => page.locator('.beside figcaption').allInnerTexts()).toEqual(['Photo', 'Poppies', 'Painted']);
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('The picture is in the clipboard.').waitFor();
  const copied = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    return URL.createObjectURL(await item!.getType('image/png'));
  });
  expect(await difference(page, url, copied)).toBeLessThan(SAME);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  expect(download.suggestedFilename()).toBe('chelsea_poppies.jpg');
  await style(page, 'The Scream').click();
  await page.getByRole('button', { name: 'Show chelsea: The Scream' }).waitFor();
  await page.getByRole('button', { name: 'Show chelsea: Poppies' }).click();
  await page.getByText('Poppies, from before').waitFor();
  await expect.poll(() => page.locator('.frame img').first().getAttribute('src')).toBe(url);
  await page.getByRole('button', { name: 'Use its settings' }).click();
  await expect.poll(() => style(page, 'Poppies').getAttribute('aria-pressed')).toBe('true');
});

test('every style is previewed with the photo', async () => {
  const { page } = await visit();
  await givePhoto(page);
  await page.waitForFunction(() => document.querySelectorAll('.tile .inset').length === 16);
  const [preview, inset] = await page
    .locator('.tile', { hasText: 'The Scream' })
    .locator('img')
    .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).src));
  expect(await difference(page, preview!, inset!)).toBeGreaterThan(DIFFERENT);
});

test('pictures are dropped, pasted and photographed', async () => {
  const { page } = await visit();
  const give = (kind: 'drop' | 'paste') =>
    page.evaluate(async (kind) => {
      const canvas = new OffscreenCanvas(40, 30);
      canvas.getContext('2d')!.fillRect(0, 0, 20, 30);
      const transfer = new DataTransfer();
      transfer.items.add(new File([await canvas.convertToBlob()], `${kind}.png`, { type: 'image/png' }));
      const event =
        kind === 'drop'
          ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true })
          : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
      document.body.dispatchEvent(event);
    }, kind);
  await give('drop');
  await page.getByRole('img', { name: 'drop, as it was given' }).waitFor();
  await give('paste');
  await page.getByRole('img', { name: 'paste, as it was given' }).waitFor();
  await page.getByRole('button', { name: 'Take a photo' }).click();
  await page.getByRole('button', { name: 'Take it' }).click();
  await page.getByRole('img', { name: 'photo, as it was given' }).waitFor();
});
