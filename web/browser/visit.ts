/** A visit of the page in Chromium, and what it must never show: errors in the console, requests to other hosts. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';

export const ADDRESS = process.env.NST_ADDRESS!;
export const GUARDED_ADDRESS = process.env.NST_GUARDED_ADDRESS!;
export const KEY = process.env.NST_KEY!;
export const CLIP = process.env.NST_CLIP!;
const BUNDLED = join(import.meta.dirname, '../../nst_engine/bundled');
export const PHOTO = join(BUNDLED, 'contents/chelsea.jpg');
export const PAINTING = join(BUNDLED, 'contents/coffee.jpg');

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
];

let browser: Browser;
const open: Visit[] = [];

export interface Visit {
  page: Page;
  requests: Request[];
  /** Lines of the console that a test expects, as when an answer is 401. */
  expected: RegExp[];
  complaints: string[];
}

beforeAll(async () => {
  if (!CHROMIUM) throw new Error('Chromium was not found; install it (Debian: apt-get install chromium)');
  browser = await chromium.launch({ executablePath: CHROMIUM, args: SWITCHES });
});

afterAll(() => browser.close());

afterEach(async () => {
  for (const { page, requests, expected, complaints } of open.splice(0)) {
    const hosts = new Set(requests.map((request) => new URL(request.url().replace(/^blob:/, '')).origin));
    await page.context().close();
    expect(complaints.filter((line) => !expected.some((pattern) => pattern.test(line)))).toEqual([]);
    expect([...hosts].filter((host) => ![ADDRESS, GUARDED_ADDRESS].includes(host))).toEqual([]);
  }
});

/** Opens the page, and waits until the gallery is there. */
export async function visit(hash = '', options: BrowserContextOptions = {}, address = ADDRESS): Promise<Visit> {
  const permissions = ['clipboard-read', 'clipboard-write', 'camera'];
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const made: Visit = { page, requests: [], expected: [], complaints: [] };
  open.push(made);
  page.on('request', (request) => made.requests.push(request));
  page.on('console', (line) => ['error', 'warning'].includes(line.type()) && made.complaints.push(line.text()));
  page.on('pageerror', (error) => made.complaints.push(String(error)));
  await page.goto(`${address}/${hash && `#${hash}`}`);
  if (address === ADDRESS) await style(page, 'The Starry Night').waitFor();
  return made;
}

export const style = (page: Page, title: string) => page.getByRole('button', { name: new RegExp(`^${title}`) });

export const givePhoto = (page: Page, path = PHOTO) =>
  page.getByLabel(/^(Choose a|Another) picture$/).last().setInputFiles(path);

/** Waits until the picture is painted as it is asked for now; its address. */
export async function painted(page: Page): Promise<string> {
  await page.locator('.stage[aria-busy=false] .frame').waitFor();
  return (await page.locator('.frame img').first().getAttribute('src'))!;
}

/** The mean difference of two pictures' bytes, 0 to 255, at the size of the first. */
export const difference = (page: Page, one: string, other: string): Promise<number> =>
  page.evaluate(
    async ([one, other]) => {
      const pictures = [one!, other!].map((url) => Object.assign(new Image(), { src: url }));
      await Promise.all(pictures.map((picture) => picture.decode()));
      const { naturalWidth: width, naturalHeight: height } = pictures[0]!;
      const [a, b] = pictures.map((picture) => {
        const context = new OffscreenCanvas(width, height).getContext('2d')!;
        context.drawImage(picture, 0, 0, width, height);
        return context.getImageData(0, 0, width, height).data;
      });
      return a!.reduce((sum, value, place) => sum + Math.abs(value - b![place]!), 0) / a!.length;
    },
    [one, other],
  );
