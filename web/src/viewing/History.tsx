import type { Picture } from '../picture';
import type { Source } from './Sources';

/** A result of this visit. */
export interface Entry {
  id: number;
  photo: Picture;
  result: Picture;
  styles: readonly Source[];
  title: string;
  /** The part of an address that paints it again. */
  hash: string;
}

export const MOST_ENTRIES = 30;

interface Properties {
  entries: readonly Entry[];
  shown: number | null;
  onShow: (entry: Entry) => void;
}

/** What was painted in this visit, newest first; kept in this tab alone. */
export function History({ entries, shown, onShow }: Properties) {
  if (!entries.length) return null;
  return (
    <section className="history" aria-labelledby="history">
      <h2 id="history">This visit</h2>
      <ul>
        {entries.map((entry) => (
          <li key={entry.id}>
            <button
              type="button"
              aria-pressed={entry.id === shown}
              aria-label={`Show ${entry.photo.name}: ${entry.title}`}
              title={entry.title}
              onClick={() => onShow(entry)}
            >
              <img src={entry.result.url} alt="" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
