import { useEffect, useState } from 'react';
import type { Painter } from '../painting/painters';
import { type Picture, shrunk } from '../picture';
import { sentenceOf, ServiceError, type Style } from '../service';
import { DEFAULTS } from '../settings';

const SIDE_PX = 256;
const PAUSE_MS = 1500;
const ATTEMPTS = 4;

/** The photo, small, in each style: one after the other, so that the picture itself need not wait. */
export function usePreviews(
  photo: Picture | null,
  styles: readonly Style[],
  model: string,
  painter: Painter,
): [ReadonlyMap<string, string>, string | null] {
  const [previews, set] = useState<ReadonlyMap<string, string>>(new Map());
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    set(new Map());
    setError(null);
    if (!photo) return;
    const stop = new AbortController();
    const urls: string[] = [];
    const paintAll = async () => {
      const small = await shrunk(photo.blob, SIDE_PX);
      for (const { name } of styles) {
        const choice = { ...DEFAULTS, own: null, blend: [{ name, weight: 100 }], model, size: SIDE_PX };
        const { blob } = await patiently(() => painter(small, choice, stop.signal));
        if (stop.signal.aborted) return;
        const url = URL.createObjectURL(blob);
        urls.push(url);
        set((before) => new Map(before).set(name, url));
      }
    };
    paintAll().catch((reason) => stop.signal.aborted || setError(`No more previews: ${sentenceOf(reason)}`));
    return () => {
      stop.abort();
      urls.forEach((url) => URL.revokeObjectURL(url));
    };
  }, [photo, styles, model, painter]);

  return [previews, error];
}

/** Tries again while the service is busy. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status !== 503 || attempt === ATTEMPTS) throw error;
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  }
}
