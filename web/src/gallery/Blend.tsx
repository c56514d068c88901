import { type Catalogue, titleOf } from '../catalogue';
import { Slider } from '../parts/Slider';
import type { Share } from '../settings';

interface Properties {
  catalogue: Catalogue;
  blend: readonly Share[];
  onBlend: (blend: Share[]) => void;
}

/** How much of each of the blended styles. */
export function Blend({ catalogue, blend, onBlend }: Properties) {
  const total = blend.reduce((sum, { weight }) => sum + weight, 0);
  if (blend.length < 2) return null;
  return (
    <fieldset className="blend">
      <legend>Blend</legend>
      {blend.map(({ name, weight }) => (
        <div key={name}>
          <Slider
            label={titleOf(catalogue.styles, name)}
            value={weight}
            min={0}
            max={100}
            step={5}
            shown={total ? `${Math.round((100 * weight) / total)} %` : '0 %'}
            onChange={(changed) =>
              onBlend(blend.map((share) => (share.name === name ? { name, weight: changed } : share)))
            }
          />
          <button
            type="button"
            className="plain"
            aria-label={`Without ${titleOf(catalogue.styles, name)}`}
            onClick={() => onBlend(blend.filter((share) => share.name !== name))}
          >
            ×
          </button>
        </div>
      ))}
      {total === 0 && <p className="error">All shares are 0; give at least one style some.</p>}
    </fieldset>
  );
}
