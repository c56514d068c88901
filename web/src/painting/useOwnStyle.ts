import { useCallback, useState } from 'react';
import { pictureOf } from '../picture';
import { sentenceOf, type Service } from '../service';
import type { OwnStyle } from './choice';

export interface OwnStyleState {
  own: OwnStyle | null;
  isChosen: boolean;
  error: string | null;
  take: (file: File) => void;
  choose: (isChosen: boolean) => void;
}

/** A style image of the visitor: read once by the service, then used by its number. */
export function useOwnStyle(service: Service, mayUpload: boolean): OwnStyleState {
  const [own, setOwn] = useState<OwnStyle | null>(null);
  const [isChosen, choose] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const take = useCallback(
    (file: File) => {
      const read = async () => {
        if (!mayUpload) throw new Error('Your own style is read by the service; turn off “In this browser” first.');
        const { url, name } = await pictureOf(file, file.name);
        const style = { id: null, label: name, url, blob: file };
        setOwn(style);
        choose(true);
        const answer = await service.post('/v1/styles/encode', { style_image: file, label: name.slice(0, 200) });
        const { style_id: id } = (await answer.json()) as { style_id: string };
        setOwn((now) => (now?.blob === file ? { ...style, id } : now));
      };
      setError(null);
      read().catch((reason) => {
        setOwn((now) => (now?.blob === file ? null : now));
        choose(false);
        setError(sentenceOf(reason));
      });
    },
    [service, mayUpload],
  );

  return { own, isChosen, error, take, choose };
}
