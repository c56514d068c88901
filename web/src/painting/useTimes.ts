import { useCallback, useEffect, useState } from 'react';
import type { Picture } from '../picture';
import type { Painted } from './painters';

/** What painting this photo took last, by either; in words. */
export interface Times {
  service: string | null;
  browser: string | null;
}

const NONE: Times = { service: null, browser: null };

export function useTimes(photo: Picture | null): [Times, (painted: Painted) => void] {
  const [times, set] = useState(NONE);
  useEffect(() => set(NONE), [photo]);
  const note = useCallback(({ by, ms, wholeMs }: Painted) => {
    const text = `${Math.round(ms)} ms (${by})`;
    set((before) =>
      wholeMs === null
        ? { ...before, browser: text }
        : { ...before, service: `${text}, ${Math.round(wholeMs)} ms with the way there and back` },
    );
  }, []);
  return [times, note];
}
