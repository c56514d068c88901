import { useState } from 'react';
import { durationText, waitingText } from '../jobs/job';
import { ErrorNote } from '../parts/ErrorNote';
import { Slider } from '../parts/Slider';
import type { Picture } from '../picture';
import { Photo } from '../viewing/Photo';
import type { Source } from '../viewing/Sources';
import { Viewer } from '../viewing/Viewer';
import { LossChart } from './LossChart';
import type { Optimisation } from './useOptimisation';

interface Properties {
  photo: Picture;
  optimisation: Optimisation;
  styles: readonly Source[];
  fileName: string;
  onCancel: () => void;
  onRetry: () => void;
}

/** The picture as it becomes: live, and over the iterations afterwards. */
export function OptimiseStage({ photo, optimisation, styles, fileName, onCancel, onRetry }: Properties) {
  const { state, snapshots, result, curve } = optimisation;
  const [chosen, choose] = useState<number | null>(null);
  const place = chosen === null ? snapshots.length - 1 : Math.min(chosen, snapshots.length - 1);
  const snapshot = snapshots[place];
  const showsResult = state === 'done' && result !== null && chosen === null;
  return (
    <div className="stage" aria-busy={state === 'working'}>
      {showsResult ? (
        <Viewer photo={optimisation.photo ?? photo} result={result} styles={styles} fileName={fileName} />
      ) : (
        <Photo
          photo={photo}
          url={snapshot?.url ?? photo.url}
          text={snapshot ? `The picture after iteration ${snapshot.iteration}` : `${photo.name}, as it was given`}
        />
      )}
      <div className="state">
        <span role="status">{textOf(optimisation)}</span>
        {state === 'working' && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
      {optimisation.progress && state === 'working' && (
        <progress
          aria-label="Progress"
          max={optimisation.progress.num_iterations}
          value={optimisation.progress.iteration}
        />
      )}
      <ErrorNote message={optimisation.message} onRetry={onRetry} />
      {snapshot && (
        <div className="scrubber">
          <Slider
            label="Iterations"
            value={place}
            min={0}
            max={Math.max(0, snapshots.length - 1)}
            step={1}
            shown={showsResult ? 'the result' : `after ${snapshot.iteration}`}
            onChange={(value) => choose(value === snapshots.length - 1 ? null : value)}
          />
        </div>
      )}
      <LossChart curve={curve} />
    </div>
  );
}

function textOf({ state, position, progress }: Optimisation): string {
  if (state === 'idle') return 'Choose a style, then begin.';
  if (state === 'done') return 'Done.';
  if (state === 'cancelled') return 'Cancelled.';
  if (state === 'failed') return '';
  if (!progress) return position === null ? 'Beginning…' : waitingText(position);
  const rest = progress.eta_seconds === null ? '' : `, ${durationText(progress.eta_seconds)} to go`;
  return `Iteration ${progress.iteration} of ${progress.num_iterations} at ${progress.width} × ${progress.height}${rest}`;
}
