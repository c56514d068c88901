import type { Picture } from '../picture';

export interface Source {
  url: string;
  text: string;
}

/** The result beside what it was made of. */
export function Sources({ photo, styles, result }: { photo: Picture; styles: readonly Source[]; result: Picture }) {
  return (
    <div className="beside">
      {[{ url: photo.url, text: 'Photo' }, ...styles, { url: result.url, text: 'Painted' }].map(({ url, text }) => (
        <figure key={url}>
          <img src={url} alt={text} />
          <figcaption>{text}</figcaption>
        </figure>
      ))}
    </div>
  );
}
