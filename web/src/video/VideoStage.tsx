import { useEffect, useState } from 'react';
import { durationText, waitingText } from '../jobs/job';
import { ErrorNote } from '../parts/ErrorNote';
import { download } from '../picture';
import { PhotoStart } from '../PhotoStart';
import type { VideoState } from './useVideo';

interface Properties {
  file: File | null;
  error: string | null;
  video: VideoState;
  /** Why it cannot begin; null: it can. */
  refused: string | null;
  onFile: (file: File) => void;
  onBegin: () => void;
  onCancel: () => void;
}

/** A video, before and after. */
export function VideoStage({ file, error, video, refused, onFile, onBegin, onCancel }: Properties) {
  const [source, setSource] = useState<string | null>(null);
  const isWorking = video.state === 'uploading' || video.state === 'working';

  useEffect(() => {
    if (!file) return;
    const url = URL.createObjectURL(file);
    setSource(url);
    return () => URL.revokeObjectURL(url);
  }, [file]);

  return (
    <div className="stage" aria-busy={isWorking}>
      <PhotoStart kind="video" hasOne={file !== null} error={error} onFile={onFile} />
      {file && source && (
        <>
          <video className="clip" key={video.url ?? source} src={video.url ?? source} controls playsInline loop aria-label={video.url ? 'The painted video' : 'The video'} />
          <div className="state">
            <span role="status">{textOf(video, refused)}</span>
            {isWorking ? (
              <button type="button" onClick={onCancel}>
                Cancel
              </button>
            ) : (
              <button type="button" className={video.url ? '' : 'accent'} disabled={refused !== null} onClick={onBegin}>
                {video.url ? 'Paint it again' : 'Paint it'}
              </button>
            )}
            {video.url && (
              <button type="button" className="accent" onClick={() => download(video.url!, `${file.name.replace(/\.[^.]*$/, '')}_painted.mp4`)}>
                Download
              </button>
            )}
          </div>
          {isWorking && (
            <progress
              aria-label="Progress"
              {...(video.progress?.total ? { max: video.progress.total, value: video.progress.done } : {})}
            />
          )}
          <ErrorNote message={video.message} />
        </>
      )}
    </div>
  );
}

function textOf({ state, position, progress }: VideoState, refused: string | null): string {
  if (state === 'idle') return refused ?? 'Ready to be painted.';
  if (state === 'uploading') return 'Uploading…';
  if (state === 'done') return 'Done.';
  if (state === 'cancelled') return 'Cancelled.';
  if (state === 'failed') return '';
  if (!progress) return position === null ? 'Beginning…' : waitingText(position);
  const rest = progress.eta_seconds === null ? '' : `, ${durationText(progress.eta_seconds)} to go`;
  return `Frame ${progress.done}${progress.total ? ` of ${progress.total}` : ''}${rest}`;
}
