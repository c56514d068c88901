import { useEffect, useState } from 'react';
import { type Picture, pictureOf } from '../picture';
import { isAbort, sentenceOf } from '../service';
import { type Choice, isComplete } from './choice';
import type { Painted, Painter } from './painters';

export interface Result extends Painted {
  picture: Picture;
  photo: Picture;
}

export type Painting =
  | { state: 'idle' }
  /** With the result before, of the same photo. */
  | { state: 'working'; before: Result | null }
  | { state: 'done'; result: Result }
  | { state: 'failed'; message: string };

/** Sliders move in small steps; only where they rest is painted. */
const REST_MS = 250;

/** The photo, painted again after every change of the choice. */
export function usePainting(
  photo: Picture | null,
  choice: Choice,
  painter: Painter,
  onDone: (result: Result) => void,
): [Painting, () => void] {
  const [painting, set] = useState<Painting>({ state: 'idle' });
  const [attempt, setAttempt] = useState(0);
  const asked = JSON.stringify({ ...choice, own: choice.own?.id ?? null });

  useEffect(() => {
    if (!photo || !isComplete(choice)) {
      set({ state: 'idle' });
      return;
    }
    const stop = new AbortController();
    const paint = async () => {
      const painted = await painter(photo.blob, choice, stop.signal);
      const result = { ...painted, photo, picture: await pictureOf(painted.blob, photo.name) };
      if (stop.signal.aborted) return;
      set({ state: 'done', result });
      onDone(result);
    };
    set((now) => {
      const before = now.state === 'done' ? now.result : now.state === 'working' ? now.before : null;
      return { state: 'working', before: before?.photo === photo ? before : null };
    });
    const timer = setTimeout(() => {
      paint().catch((error) => {
        if (!stop.signal.aborted && !isAbort(error)) set({ state: 'failed', message: sentenceOf(error) });
      });
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
    // eslint-style lists of all values would paint again for objects that are equal
  }, [photo, asked, painter, attempt]);

  return [painting, () => setAttempt((count) => count + 1)];
}
