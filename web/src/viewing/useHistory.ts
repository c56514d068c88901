import { useCallback, useState } from 'react';
import { type Entry, MOST_ENTRIES } from './History';

/** The results of this visit, newest first; the same one painted again takes the place of the one before. */
export function useHistory(): [readonly Entry[], (entry: Omit<Entry, 'id'>) => void] {
  const [entries, set] = useState<readonly Entry[]>([]);
  const add = useCallback((entry: Omit<Entry, 'id'>) => {
    set((before) => {
      const others = before.filter(
        ({ hash, photo, title }) => hash !== entry.hash || photo !== entry.photo || title !== entry.title,
      );
      const id = 1 + Math.max(0, ...before.map((each) => each.id));
      const kept = [{ ...entry, id }, ...others].slice(0, MOST_ENTRIES);
      before.filter((each) => !kept.includes(each)).forEach(({ result }) => URL.revokeObjectURL(result.url));
      return kept;
    });
  }, []);
  return [entries, add];
}
