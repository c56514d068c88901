/** Pictures of the visit: what was given, and what was painted of it. */

export interface Picture {
  blob: Blob;
  /** Of the file, without its ending. */
  name: string;
  url: string;
  width: number;
  height: number;
}

/** Reads a file that shall be a picture; the error is a sentence that names it. */
export async function pictureOf(file: Blob, name: string): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`“${name}” is no picture that this browser can show; choose a JPEG, PNG, WebP or AVIF file.`);
  }
  const { width, height } = bitmap;
  bitmap.close();
  return { blob: file, name: name.replace(/\.[^.]*$/, ''), url: URL.createObjectURL(file), width, height };
}

/** The size that fits into a square of `side`, never larger than it is. */
export function fitted(width: number, height: number, side: number): [number, number] {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** The pixels of a picture, its longer side at most `side`. */
export async function pixelsOf(blob: Blob, side: number): Promise<ImageData> {
  const bitmap = await createImageBitmap(blob);
  const [width, height] = fitted(bitmap.width, bitmap.height, side);
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** The pixels as a file. */
export async function fileOf(pixels: ImageData, type: string, quality?: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  return canvas.convertToBlob({ type, ...(quality && { quality }) });
}

/** A smaller JPEG of a picture. */
export async function shrunk(blob: Blob, side: number): Promise<Blob> {
  return fileOf(await pixelsOf(blob, side), 'image/jpeg', 0.9);
}

/** Hands a file to the browser's downloads. */
export function download(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
