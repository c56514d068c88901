import { COLOR_TEXT } from '../painting/Controls';
import { Choice } from '../parts/Choice';
import { NumberField } from '../parts/NumberField';
import { COLORS, DEFAULTS, type Init, INITS, type Settings } from '../settings';
import type { Change } from '../useSettings';

const INIT_TEXT: Record<Init, string> = { content: 'the photo', random: 'noise', style: 'the style' };

interface Properties {
  settings: Settings;
  change: Change;
  /** Why it cannot begin; null: it can. */
  refused: string | null;
  isWorking: boolean;
  onBegin: () => void;
}

/** What an optimisation is told. */
export function OptimiseForm({ settings, change, refused, isWorking, onBegin }: Properties) {
  return (
    <form
      className="controls"
      aria-label="Optimisation"
      onSubmit={(event) => {
        event.preventDefault();
        onBegin();
      }}
    >
      <div className="fields">
        <Choice
          label="First picture"
          value={settings.init}
          options={INITS.map((init) => [init, INIT_TEXT[init]] as const)}
          onChange={(init) => change({ init })}
        />
        <Choice
          label="Colours"
          value={settings.color}
          options={COLORS.map((color) => [color, COLOR_TEXT[color]] as const)}
          onChange={(color) => change({ color })}
        />
        <NumberField label="Content weight" value={settings.content} min={0} max={1000} step={0.1} onChange={(content) => change({ content: content ?? DEFAULTS.content })} />
        <NumberField label="Style weight" value={settings.style} min={0} max={1e6} step={0.5} placeholder="9" onChange={(style) => change({ style })} />
        <NumberField label="Smoothness" value={settings.tv} min={0} max={1000} step={0.5} onChange={(tv) => change({ tv: tv ?? DEFAULTS.tv })} />
        <NumberField label="Iterations" value={settings.iterations} min={10} max={2000} step={10} onChange={(iterations) => change({ iterations: iterations ?? DEFAULTS.iterations })} />
        <NumberField label="Longer side, px" value={settings.pixels} min={128} max={2048} step={32} onChange={(pixels) => change({ pixels: pixels ?? DEFAULTS.pixels })} />
      </div>
      <button type="submit" className="accent wide" disabled={isWorking || refused !== null}>
        {isWorking ? 'Working…' : 'Begin'}
      </button>
      <p className="quiet">
        {refused ??
          'The picture itself is changed until VGG-19 sees the photo’s content (mean squared difference of relu4_2) and the style’s Gram matrices in it.'}
      </p>
    </form>
  );
}
