import { useState } from 'react';
import { ErrorNote } from '../parts/ErrorNote';
import { Tabs } from '../parts/Tabs';
import { download, type Picture } from '../picture';
import { sentenceOf } from '../service';
import { Comparison } from './Comparison';
import { copyLink, copyPicture } from './copying';
import { type Source, Sources } from './Sources';

interface Properties {
  photo: Picture;
  result: Picture;
  styles: readonly Source[];
  /** Of a downloaded file, without its ending. */
  fileName: string;
}

const VIEWS = [
  ['slider', 'Before and after'],
  ['beside', 'Beside its sources'],
] as const;
const ZOOMS = [1, 1.5, 2, 3, 4, 6];

/** A result, large, and what can be done with it. */
export function Viewer({ photo, result, styles, fileName }: Properties) {
  const [view, setView] = useState<'slider' | 'beside'>('slider');
  const [zoom, setZoom] = useState(0);
  const [said, setSaid] = useState('');
  const [error, setError] = useState<string | null>(null);
  const act = (action: () => Promise<string>) => {
    setError(null);
    action().then(setSaid, (reason) => setError(sentenceOf(reason)));
  };
  const ending = result.blob.type === 'image/png' ? 'png' : 'jpg';
  return (
    <div className="viewer">
      {view === 'slider' ? (
        <div className="window" tabIndex={0} role="region" aria-label="The painted picture">
          <Comparison before={photo} after={result} zoom={ZOOMS[zoom]!} />
        </div>
      ) : (
        <Sources photo={photo} styles={styles} result={result} />
      )}
      <div className="actions">
        <Tabs label="View" value={view} tabs={VIEWS} onChange={setView} />
        {view === 'slider' && (
          <div className="zoom" role="group" aria-label="Zoom">
            <button type="button" aria-label="Smaller" disabled={zoom === 0} onClick={() => setZoom(zoom - 1)}>
              −
            </button>
            <output aria-live="polite">{Math.round(100 * ZOOMS[zoom]!)} %</output>
            <button type="button" aria-label="Larger" disabled={zoom === ZOOMS.length - 1} onClick={() => setZoom(zoom + 1)}>
              +
            </button>
          </div>
        )}
        <div className="group">
          <button type="button" className="accent" onClick={() => download(result.url, `${fileName}.${ending}`)}>
            Download
          </button>
          <button type="button" onClick={() => act(() => copyPicture(result.blob))}>
            Copy
          </button>
          <button type="button" onClick={() => act(copyLink)}>
            Share settings
          </button>
        </div>
        <span className="quiet" role="status">
          {said}
        </span>
      </div>
      <ErrorNote message={error} />
    </div>
  );
}
