import { Tabs } from './parts/Tabs';
import { Theme } from './parts/Theme';
import type { Mode } from './settings';

const MODE_TEXT: ReadonlyArray<readonly [Mode, string]> = [
  ['paint', 'Paint'],
  ['optimise', 'Optimise'],
  ['camera', 'Camera'],
  ['video', 'Video'],
];

export function Header({ mode, onMode }: { mode: Mode; onMode: (mode: Mode) => void }) {
  return (
    <header>
      <a className="name" href="/" aria-label="nst, the start">
        nst
      </a>
      <Tabs label="What to do" value={mode} tabs={MODE_TEXT} onChange={onMode} />
      <a className="quiet" href="/docs">
        API
      </a>
      <Theme />
    </header>
  );
}
