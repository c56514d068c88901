import { type Catalogue, shortName } from '../catalogue';
import { Choice } from '../parts/Choice';
import { Slider } from '../parts/Slider';
import { COLORS, type Color, type Mode, type Settings } from '../settings';
import type { Change } from '../useSettings';

export const COLOR_TEXT: Record<Color, string> = {
  '': 'of the style',
  luma: 'of the photo, exactly',
  match: 'of the photo, in the mean',
  histogram: 'of the photo, by its histogram',
};
const SIZES = [640, 1280, 2048] as const;

interface Properties {
  settings: Settings;
  change: Change;
  catalogue: Catalogue;
  ownChosen: boolean;
  mode: Mode;
}

/** Strength, strokes, colours, model and size of one pass. */
export function Controls({ settings, change, catalogue, ownChosen, mode }: Properties) {
  const { browser } = settings;
  const strongest = browser || mode !== 'paint' ? 1 : 2;
  const models = catalogue.models.filter(({ any_style }) => !any_style).map(({ name }) => shortName(name));
  return (
    <section className="controls" aria-label="How it is painted">
      <Slider
        label="Strength"
        value={Math.min(settings.strength, strongest)}
        min={0}
        max={strongest}
        step={0.05}
        shown={`${Math.round(100 * Math.min(settings.strength, strongest))} %`}
        onChange={(strength) => change({ strength })}
      />
      <Slider
        label="Stroke size"
        value={Math.log2(settings.stroke)}
        min={-2}
        max={2}
        step={0.25}
        disabled={browser}
        shown={`${Number(settings.stroke.toFixed(2))} ×`}
        onChange={(power) => change({ stroke: Number((2 ** power).toFixed(3)) })}
      />
      <div className="fields">
        <Choice
          label="Colours"
          value={settings.color}
          disabled={browser}
          options={COLORS.map((color) => [color, COLOR_TEXT[color]] as const)}
          onChange={(color) => change({ color })}
        />
        {mode !== 'camera' && (
          <Choice
            label="Longer side"
            value={String(settings.size)}
            options={[...new Set([...SIZES, settings.size])].sort((a, b) => a - b).map((px) => [`${px}`, `${px} px`] as const)}
            onChange={(size) => change({ size: Number(size) })}
          />
        )}
        {mode !== 'camera' && !ownChosen && models.length > 1 && (
          <Choice
            label="Model"
            value={browser ? 'live' : settings.model}
            disabled={browser}
            options={[['', models[0]!], ...models.slice(1).map((name) => [name, name] as const)]}
            onChange={(model) => change({ model })}
          />
        )}
      </div>
    </section>
  );
}
