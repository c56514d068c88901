import { Blend } from './gallery/Blend';
import { Gallery } from './gallery/Gallery';
import { InBrowserSwitch } from './inBrowser/InBrowserSwitch';
import { OptimiseForm } from './optimise/OptimiseForm';
import { isComplete } from './painting/choice';
import { Controls } from './painting/Controls';
import { Choice } from './parts/Choice';
import { STABILITIES } from './settings';
import type { Studio } from './useStudio';

/** The gallery, and what can be set. */
export function Panel({ studio }: { studio: Studio }) {
  const { settings, change, catalogue, choice, ownStyle } = studio;
  const { mode, browser } = settings;
  const [previews, previewError] = studio.previews;
  const mayBeHere = mode === 'paint' || mode === 'camera';
  return (
    <aside aria-label="Styles and settings">
      <Gallery
        catalogue={catalogue}
        previews={previews}
        blend={settings.blend}
        own={ownStyle.own}
        ownChosen={ownStyle.isChosen}
        ownError={ownStyle.error}
        previewError={previewError}
        onBlend={studio.setBlend}
        onOwn={ownStyle.take}
        onOwnChosen={() => ownStyle.choose(true)}
      />
      {!ownStyle.isChosen && <Blend catalogue={catalogue} blend={settings.blend} onBlend={studio.setBlend} />}
      {mode === 'optimise' ? (
        <OptimiseForm
          settings={settings}
          change={change}
          refused={refusalOf(studio)}
          isWorking={studio.optimisation.optimisation.state === 'working'}
          onBegin={() => studio.photo.photo && studio.optimisation.begin(studio.photo.photo, choice, settings)}
        />
      ) : (
        <Controls
          settings={mode === 'video' ? { ...settings, browser: false } : settings}
          change={change}
          catalogue={catalogue}
          ownChosen={ownStyle.isChosen}
          mode={mode}
        />
      )}
      {(mode === 'video' || (mode === 'camera' && !browser)) && (
        <section className="controls">
          <Choice
            label="Against flicker"
            value={settings.stability}
            options={STABILITIES.map((stability) => [stability, stability] as const)}
            onChange={(stability) => change({ stability })}
          />
        </section>
      )}
      {mayBeHere && <InBrowserSwitch isOn={browser} onChange={(on) => change({ browser: on })} />}
    </aside>
  );
}

function refusalOf({ photo, choice }: Studio): string | null {
  if (!photo.photo) return 'Give a picture first.';
  return choice.own || isComplete(choice) ? null : 'Choose a style.';
}
