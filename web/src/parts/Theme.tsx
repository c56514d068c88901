import { useEffect, useState } from 'react';

const isDark = () => matchMedia('(prefers-color-scheme: dark)').matches;

/** Light or dark: as the system is, until the button is pressed. */
export function Theme() {
  const [theme, setTheme] = useState(() => localStorage.getItem('theme'));
  const dark = theme ? theme === 'dark' : isDark();

  useEffect(() => {
    if (!theme) return;
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
  }, [theme]);

  return (
    <button type="button" className="round" aria-label={dark ? 'Light' : 'Dark'} title={dark ? 'Light' : 'Dark'} onClick={() => setTheme(dark ? 'light' : 'dark')}>
      {dark ? '☀' : '☾'}
    </button>
  );
}
