import type { Catalogue } from '../catalogue';
import { ErrorNote } from '../parts/ErrorNote';
import type { Picture } from '../picture';
import { type Source } from '../viewing/Sources';
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
  return (
    <div className="stage" aria-busy={isWorking}>
      {painting.state === 'done' ? (
        <Viewer
          photo={painting.result.photo}
          result={painting.result.picture}
          styles={sourcesOf(choice, catalogue)}
          fileName={fileNameOf(photo, choice)}
        />
      ) : (
        <figure className={isWorking ? 'photo working' : 'photo'}>
          <img src={photo.url} alt={`${photo.name}, as it was given`} width={photo.width} height={photo.height} />
        </figure>
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
