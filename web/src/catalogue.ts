import { useEffect, useState } from 'react';
import { type Model, sentenceOf, type Service, type Style } from './service';

export interface Catalogue {
  styles: Style[];
  models: Model[];
  /** Addresses of the paintings, small. */
  paintings: ReadonlyMap<string, string>;
  error: string | null;
}

const EMPTY: Catalogue = { styles: [], models: [], paintings: new Map(), error: null };

/** The styles and models of the service; asked again with another `key`. */
export function useCatalogue(service: Service, key: string): Catalogue {
  const [catalogue, set] = useState(EMPTY);

  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      const init = { signal: stop.signal };
      const [{ styles }, { models }] = await Promise.all([
        service.json<{ styles: Style[] }>('/v1/styles', init),
        service.json<{ models: Model[] }>('/v1/models', init),
      ]);
      const usable = styles.filter((style) => style.models.length);
      set({ ...EMPTY, styles: usable, models });
      const pictures = usable.map(async ({ name, preview }): Promise<[string, string][]> =>
        preview ? [[name, URL.createObjectURL(await service.blob(`${preview}?max_side=320`, init))]] : [],
      );
      set({ ...EMPTY, styles: usable, models, paintings: new Map((await Promise.all(pictures)).flat()) });
    };
    ask().catch((reason) => stop.signal.aborted || set((before) => ({ ...before, error: sentenceOf(reason) })));
    return () => stop.abort();
  }, [service, key]);

  return catalogue;
}

/** `live` for `bundled:live`. */
export const shortName = (model: string): string => model.replace(/^bundled:/, '');

/** Title and painter of a style; its name where they are unknown. */
export const titleOf = (styles: readonly Style[], name: string): string =>
  styles.find((style) => style.name === name)?.title ?? name;
