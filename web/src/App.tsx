import { Header } from './Header';
import { Panel } from './Panel';
import { KeyField } from './parts/KeyField';
import { Stage } from './Stage';
import { useStudio } from './useStudio';
import { History } from './viewing/History';

export function App() {
  const studio = useStudio();
  return (
    <>
      <Header mode={studio.settings.mode} onMode={(mode) => studio.change({ mode })} />
      {studio.isKeyWanted && <KeyField onKey={studio.giveKey} />}
      <main>
        <div className="work">
          <Stage studio={studio} />
        </div>
        <Panel studio={studio} />
        <History entries={studio.entries} shown={studio.shown?.id ?? null} onShow={studio.show} />
      </main>
    </>
  );
}
