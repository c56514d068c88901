import type { Catalogue } from '../catalogue';
import { ErrorNote } from '../parts/ErrorNote';
import type { Picture } from '../picture';
import { type Source } from '../viewing/Sources';
import { Photo } from '../viewing/Photo';
import { Viewer } from '../viewing/Viewer';
import type { Choice } from './choice';
import type { Painting } from './usePainting';
import type { Times } from './useTimes';

interface Properties {
  photo: Picture;
  painting: Painting;
  choice: Choice;
  catalogue: Catalogue;
  times: Times;
  onRetry: () => void;
}

/** The photo, or what was painted of it. */
export function PaintStage({ photo, painting, choice, catalogue, times, onRetry }: Properties) {
  const isWorking = painting.state === 'working';
  const seen = painting.state === 'done' ? painting.result : painting.state === 'working' ? painting.before : null;
  return (
    <div className={isWorking ? 'stage working' : 'stage'} aria-busy={isWorking}>
      {seen ? (
        <Viewer
          photo={seen.photo}
          result={seen.picture}
          styles={sourcesOf(choice, catalogue)}
          fileName={fileNameOf(photo, choice)}
        />
      ) : (
        <Photo photo={photo} url={photo.url} text={`${photo.name}, as it was given`} />
      )}
      <p className="state" role="status">
        {painting.state === 'idle' && (choice.own ? 'Your style is being read…' : 'Choose a style.')}
        {isWorking && 'Painting…'}
        {painting.state === 'done' && <Took times={times} />}
      </p>
      <ErrorNote message={painting.state === 'failed' ? painting.message : null} onRetry={onRetry} />
    </div>
  );
}

function Took({ times: { service, browser } }: { times: Times }) {
  return (
    <>
      {browser && <span>In this browser: {browser}. </span>}
      {service && <span>By the service: {service}.</span>}
      {browser && !service && <span>By the service: not yet.</span>}
    </>
  );
}

/** The paintings that a choice is made of. */
export const sourcesOf = ({ own, blend }: Pick<Choice, 'own' | 'blend'>, { styles, paintings }: Catalogue): Source[] =>
  own
    ? [{ url: own.url, text: own.label }]
    : blend.flatMap(({ name }) => {
        const url = paintings.get(name);
        return url ? [{ url, text: styles.find((style) => style.name === name)?.title ?? name }] : [];
      });

export const fileNameOf = (photo: Picture, { own, blend }: Pick<Choice, 'own' | 'blend'>): string =>
  [photo.name, ...(own ? [own.label] : blend.map(({ name }) => name))].join('_');
