import { useCallback, useEffect, useState } from 'react';
import { hashOf, type Settings, settingsOf } from './settings';

export type Change = (change: Partial<Settings>) => void;

/** The settings; the address follows them, and they follow the address. */
export function useSettings(): [Settings, Change] {
  const [settings, set] = useState(() => settingsOf(location.hash));
  const change = useCallback((part: Partial<Settings>) => set((before) => ({ ...before, ...part })), []);

  useEffect(() => {
    const hash = hashOf(settings);
    if (location.hash.replace(/^#/, '') !== hash) {
      history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search);
    }
  }, [settings]);

  useEffect(() => {
    const follow = () => set(settingsOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);

  return [settings, change];
}
