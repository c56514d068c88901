import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { givePhoto, painted, style, visit } from './visit';

const PHONE = { viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true };

/** Serious findings of axe, in words. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source); // the policy lets no script in that the page does not bring
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

const scrollsSideways = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [name, options] of [['desktop', {}], ['phone', PHONE]] as const) {
    test(`axe finds nothing serious: ${colorScheme}, ${name}`, async () => {
      const { page } = await visit('', { ...options, colorScheme });
      expect(await findings(page)).toEqual([]);
      expect(await scrollsSideways(page)).toBe(false);
      await givePhoto(page);
      await style(page, 'The Scream').click();
      await painted(page);
      await page.getByRole('button', { name: 'Blend with Poppies' }).click();
      await page.getByRole('button', { name: 'Beside its sources' }).waitFor();
      expect(await findings(page)).toEqual([]);
      expect(await scrollsSideways(page)).toBe(false);
      for (const mode of ['Optimise', 'Camera', 'Video']) {
        await page.getByRole('button', { name: mode, exact: true }).click();
        expect(await findings(page)).toEqual([]);
        expect(await scrollsSideways(page)).toBe(false);
      }
      await page.getByLabel('Choose a video').last().setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('') });
      await page.locator('.error').waitFor();
      expect(await findings(page)).toEqual([]);
    });
  }
}

test('the keyboard alone chooses a style, paints and changes the theme', async () => {
  const { page } = await visit();
  await givePhoto(page);
  const press = async (name: RegExp, key: string) => {
    for (let steps = 0; steps < 80; steps++) {
      await page.keyboard.press('Tab');
      const label = await page.evaluate(() => {
        const { activeElement: element } = document;
        return element?.getAttribute('aria-label') ?? (element as HTMLElement | null)?.innerText ?? '';
      });
      if (name.test(label)) return page.keyboard.press(key);
    }
    throw new Error(`${name} is not reached by the keyboard`);
  };
  await press(/^The Scream/, 'Enter');
  await painted(page);
  await press(/^How much of the photo/, 'ArrowRight');
  await expect.poll(() => page.getByLabel(/How much of the photo/).inputValue()).toBe('1');
  await press(/^Dark$/, 'Enter');
  await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark');
});

test('the first load is small, and asks no other host', async () => {
  const { page, requests } = await visit();
  const own = requests.filter((request) => request.url().includes('/assets/') || request.isNavigationRequest());
  const sizes = await Promise.all(own.map(async (request) => (await request.sizes()).responseBodySize));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(250_000);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
});
