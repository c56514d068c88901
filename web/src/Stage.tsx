import { LiveStage } from './live/LiveStage';
import { OptimiseStage } from './optimise/OptimiseStage';
import { isComplete } from './painting/choice';
import { fileNameOf, PaintStage } from './painting/PaintStage';
import { PhotoStart } from './PhotoStart';
import { settingsOf } from './settings';
import type { Studio } from './useStudio';
import { VideoStage } from './video/VideoStage';
import { type Entry } from './viewing/History';
import { Viewer } from './viewing/Viewer';

/** The large part of the page: what is painted. */
export function Stage({ studio }: { studio: Studio }) {
  const { settings, choice, shown } = studio;
  if (shown) return <Shown studio={studio} entry={shown} />;
  if (settings.mode === 'camera') {
    return (
      <LiveStage
        choice={choice}
        model={studio.liveModel}
        stability={settings.stability}
        service={studio.service}
        engine={studio.engine}
      />
    );
  }
  if (settings.mode === 'video') {
    const { clip, error, take } = studio.clip;
    const { video, begin, cancel } = studio.video;
    return (
      <VideoStage
        file={clip}
        error={error}
        video={video}
        refused={isComplete(choice) ? null : 'Choose a style.'}
        onFile={take}
        onBegin={() => clip && begin(clip, choice, settings.stability)}
        onCancel={cancel}
      />
    );
  }
  return <PhotoStage studio={studio} />;
}

function PhotoStage({ studio }: { studio: Studio }) {
  const { choice, catalogue, settings } = studio;
  const { photo, error, take } = studio.photo;
  const [painting, retry] = studio.painting;
  const { optimisation, begin, cancel } = studio.optimisation;
  return (
    <>
      <PhotoStart kind="image" hasOne={photo !== null} error={error} onFile={take} />
      {photo && settings.mode === 'paint' && (
        <PaintStage
          photo={photo}
          painting={painting}
          choice={choice}
          catalogue={catalogue}
          times={studio.times}
          onRetry={retry}
        />
      )}
      {photo && settings.mode === 'optimise' && (
        <OptimiseStage
          photo={photo}
          optimisation={optimisation}
          styles={studio.sources}
          fileName={`${fileNameOf(photo, choice)}_optimised`}
          onCancel={cancel}
          onRetry={() => begin(photo, choice, settings)}
        />
      )}
    </>
  );
}

/** A result from before. */
function Shown({ studio, entry }: { studio: Studio; entry: Entry }) {
  return (
    <div className="stage">
      <div className="state">
        <span>{entry.title}, from before</span>
        <button type="button" onClick={() => studio.show(null)}>
          Back
        </button>
        <button type="button" onClick={() => studio.change(settingsOf(entry.hash))}>
          Use its settings
        </button>
      </div>
      <Viewer
        key={entry.id}
        photo={entry.photo}
        result={entry.result}
        styles={entry.styles}
        fileName={`${entry.photo.name}_${entry.title}`}
      />
    </div>
  );
}
