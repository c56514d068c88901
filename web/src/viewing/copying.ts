import { fileOf, pixelsOf } from '../picture';

/** Puts a picture into the clipboard; what was done, in words. */
export async function copyPicture(blob: Blob): Promise<string> {
  if (!globalThis.ClipboardItem) {
    throw new Error('This browser copies pictures only from https or localhost; download it instead.');
  }
  const png = pixelsOf(blob, Infinity).then((pixels) => fileOf(pixels, 'image/png'));
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
  return 'The picture is in the clipboard.';
}

/** Puts the address, which holds the settings, into the clipboard. */
export async function copyLink(): Promise<string> {
  if (!navigator.clipboard) {
    throw new Error('This browser copies only from https or localhost; the address above holds the settings.');
  }
  await navigator.clipboard.writeText(location.href);
  return 'A link to these settings is in the clipboard; it holds no picture.';
}
