import type { CSSProperties } from 'react';
import type { Picture } from '../picture';

interface Properties {
  /** Whose shape it has. */
  photo: Picture;
  url: string;
  text: string;
}

/** One picture as large as the stage lets it, so that nothing moves when others follow. */
export function Photo({ photo, url, text }: Properties) {
  return (
    <figure className="photo" style={{ '--aspect': photo.width / photo.height } as CSSProperties}>
      <img src={url} alt={text} width={photo.width} height={photo.height} />
    </figure>
  );
}
