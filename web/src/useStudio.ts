import { useCallback, useMemo, useRef, useState } from 'react';
import { shortName, useCatalogue } from './catalogue';
import { usePreviews } from './gallery/usePreviews';
import { BrowserEngine, browserPainter } from './inBrowser/engine';
import { useOptimisation } from './optimise/useOptimisation';
import { choiceOf } from './painting/choice';
import { sourcesOf } from './painting/PaintStage';
import { servicePainter } from './painting/painters';
import { useOwnStyle } from './painting/useOwnStyle';
import { type Result, usePainting } from './painting/usePainting';
import { useTimes } from './painting/useTimes';
import type { Picture } from './picture';
import { Service } from './service';
import { hashOf, type Settings, type Share } from './settings';
import { usePhoto } from './usePhoto';
import { useSettings } from './useSettings';
import { useClip } from './video/useClip';
import { useVideo } from './video/useVideo';
import type { Entry } from './viewing/History';
import { useHistory } from './viewing/useHistory';

export type Studio = ReturnType<typeof useStudio>;

/** All that the page holds: settings, pictures, what is being painted. */
export function useStudio() {
  const [key, setKey] = useState('');
  const [isKeyWanted, setKeyWanted] = useState(false);
  const service = useMemo(() => new Service(() => setKeyWanted(true)), []);
  const engine = useMemo(() => new BrowserEngine(), []);
  const [settings, changeSettings] = useSettings();
  const catalogue = useCatalogue(service, key);
  const photo = usePhoto();
  const clip = useClip();
  const ownStyle = useOwnStyle(service, !settings.browser);
  const [entries, addEntry] = useHistory();
  const [shown, show] = useState<Entry | null>(null);
  const [times, noteTime] = useTimes(photo.photo);

  const choice = choiceOf(settings, ownStyle.isChosen ? ownStyle.own : null);
  const sources = sourcesOf(choice, catalogue);
  const title = sources.map(({ text }) => text).join(' + ');
  const now = useRef({ settings, sources, title });
  now.current = { settings, sources, title };

  const keep = useCallback(
    (of: Picture, result: Picture, kind: string) => {
      const { settings, sources, title } = now.current;
      addEntry({ photo: of, result, styles: sources, title: kind + title, hash: hashOf(settings) });
    },
    [addEntry],
  );
  const onPainted = useCallback(
    (result: Result) => {
      noteTime(result);
      keep(result.photo, result.picture, '');
    },
    [noteTime, keep],
  );
  const onOptimised = useCallback((of: Picture, result: Picture) => keep(of, result, 'Optimised: '), [keep]);

  const painter = useMemo(
    () => (settings.browser ? browserPainter(engine) : servicePainter(service)),
    [settings.browser, engine, service],
  );
  const live = catalogue.models.find(({ name }) => shortName(name) === 'live');
  const previews = usePreviews(photo.photo, catalogue.styles, live ? 'live' : '', painter);
  const painting = usePainting(settings.mode === 'paint' ? photo.photo : null, choice, painter, onPainted);

  return {
    settings,
    catalogue,
    photo,
    clip,
    ownStyle,
    choice,
    sources,
    title,
    service,
    engine: settings.browser ? engine : null,
    liveModel: live ? 'live' : '',
    entries,
    shown,
    show,
    times,
    previews,
    painting,
    optimisation: useOptimisation(service, onOptimised),
    video: useVideo(service),
    isKeyWanted,
    giveKey: (given: string) => {
      service.key = given;
      setKeyWanted(false);
      setKey(given);
    },
    change: (part: Partial<Settings>) => {
      show(null);
      changeSettings(part);
    },
    setBlend: (blend: Share[]) => {
      show(null);
      ownStyle.choose(false);
      changeSettings({ blend });
    },
  };
}
