import type { Catalogue } from '../catalogue';
import { MOST_STYLES, type Share } from '../settings';
import { ErrorNote } from '../parts/ErrorNote';
import { FileButton } from '../parts/FileButton';
import type { OwnStyle } from '../painting/choice';

interface Properties {
  catalogue: Catalogue;
  previews: ReadonlyMap<string, string>;
  blend: readonly Share[];
  own: OwnStyle | null;
  ownChosen: boolean;
  ownError: string | null;
  previewError: string | null;
  onBlend: (blend: Share[]) => void;
  onOwn: (file: File) => void;
  onOwnChosen: () => void;
}

/** All styles, with previews of the visitor's photo; one is chosen, or up to three are blended. */
export function Gallery(properties: Properties) {
  const { catalogue, blend, own, ownChosen, ownError, previewError, onOwn, onOwnChosen } = properties;
  return (
    <section className="gallery" aria-labelledby="styles">
      <div className="gallery-head">
        <h2 id="styles">Styles</h2>
        <FileButton label="Your own style…" accept="image/*" onFile={onOwn} />
      </div>
      <ErrorNote message={ownError} />
      <ErrorNote message={catalogue.error ?? previewError} />
      <ul>
        {own && (
          <li>
            <button type="button" className="tile" aria-pressed={ownChosen} onClick={onOwnChosen}>
              <img src={own.url} alt="" />
              <span>
                <b>{own.label}</b>
                {own.id ? 'your style' : 'being read…'}
              </span>
            </button>
          </li>
        )}
        {catalogue.styles.map((style) => (
          <Tile key={style.name} {...properties} name={style.name} title={style.title} painter={style.painter} />
        ))}
      </ul>
      {!catalogue.styles.length && !catalogue.error && <p className="quiet">The styles are being fetched…</p>}
      {!ownChosen && blend.length > 0 && <p className="quiet">{hintOf(blend.length)}</p>}
    </section>
  );
}

const hintOf = (count: number): string =>
  count < MOST_STYLES ? `Press + on another style to blend up to ${MOST_STYLES}.` : `${MOST_STYLES} styles are the most.`;

interface TileProperties extends Properties {
  name: string;
  title: string;
  painter: string;
}

function Tile({ name, title, painter, catalogue, previews, blend, ownChosen, onBlend }: TileProperties) {
  const painting = catalogue.paintings.get(name);
  const preview = previews.get(name);
  const isChosen = !ownChosen && blend.some((share) => share.name === name);
  const mayAdd = !ownChosen && !isChosen && blend.length > 0 && blend.length < MOST_STYLES;
  return (
    <li>
      <button type="button" className="tile" aria-pressed={isChosen} onClick={() => onBlend([{ name, weight: 100 }])}>
        {(preview ?? painting) ? <img src={preview ?? painting} alt="" /> : <i className="blank" />}
        {preview && painting && <img className="inset" src={painting} alt="" />}
        <span>
          <b>{title}</b>
          {painter}
        </span>
      </button>
      {mayAdd && (
        <button
          type="button"
          className="add"
          aria-label={`Blend with ${title}`}
          title={`Blend with ${title}`}
          onClick={() => onBlend([...blend, { name, weight: 50 }])}
        >
          +
        </button>
      )}
    </li>
  );
}
