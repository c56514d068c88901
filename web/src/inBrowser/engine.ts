import { fileOf, pixelsOf } from '../picture';
import type { Choice } from '../painting/choice';
import type { Painted, Painter } from '../painting/painters';
import type { Job, Reply } from './messages';

/** Memory of the network is about 110 bytes a pixel, and a tab has little. */
export const MOST_SIDE_PX = 1280;

export interface PaintedPixels {
  pixels: ImageData;
  ms: number;
  provider: string;
}

interface Waiting {
  resolve: (reply: Reply & { pixels: ArrayBuffer }) => void;
  reject: (error: Error) => void;
}

/** The model `live` in this browser; runtime and model are fetched at the first picture. */
export class BrowserEngine {
  #worker: Worker | null = null;
  #waiting = new Map<number, Waiting>();
  #last = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** Paints pixels, one picture after the other. */
  async paint(photo: ImageData, choice: Choice, signal: AbortSignal): Promise<PaintedPixels> {
    if (choice.own) throw new Error('Your own style is painted by the service; turn off “In this browser”.');
    const turn = this.#tail.then(() => {
      signal.throwIfAborted();
      return this.#ask({
        id: ++this.#last,
        width: photo.width,
        height: photo.height,
        pixels: photo.data.slice().buffer,
        shares: choice.blend.map(({ name, weight }) => [name, weight] as const),
        strength: Math.min(1, choice.strength),
      });
    });
    this.#tail = turn.catch(() => {});
    const { pixels, ms, provider } = await turn;
    return { pixels: new ImageData(new Uint8ClampedArray(pixels), photo.width, photo.height), ms, provider };
  }

  #ask(job: Job): Promise<Reply & { pixels: ArrayBuffer; ms: number; provider: string }> {
    this.#worker ??= this.#started();
    return new Promise((resolve, reject) => {
      this.#waiting.set(job.id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker!.postMessage(job, [job.pixels]);
    });
  }

  #started(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data);
    });
    worker.addEventListener('error', () => {
      this.#worker = null;
      for (const { reject } of this.#waiting.values()) {
        reject(new Error('The runtime cannot be started in this browser; paint by the service.'));
      }
      this.#waiting.clear();
    });
    return worker;
  }
}

/** Paints photos in this browser: nothing is uploaded. */
export const browserPainter =
  (engine: BrowserEngine): Painter =>
  async (photo, choice, signal): Promise<Painted> => {
    const pixels = await pixelsOf(photo, Math.min(choice.size, MOST_SIDE_PX));
    const { pixels: painted, ms, provider } = await engine.paint(pixels, choice, signal);
    return { blob: await fileOf(painted, 'image/jpeg', 0.92), by: provider, ms, wholeMs: null };
  };
