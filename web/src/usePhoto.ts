import { useCallback, useState } from 'react';
import { type Picture, pictureOf } from './picture';
import { sentenceOf } from './service';

/** The photo that was given last; a file that is none leaves it. */
export function usePhoto() {
  const [photo, setPhoto] = useState<Picture | null>(null);
  const [error, setError] = useState<string | null>(null);
  const take = useCallback((file: File) => {
    setError(null);
    pictureOf(file, file.name).then(setPhoto, (reason) => setError(sentenceOf(reason)));
  }, []);
  return { photo, error, take };
}
