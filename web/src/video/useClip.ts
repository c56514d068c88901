import { useCallback, useState } from 'react';

/** The video that was given last; a file that is none leaves it. */
export function useClip() {
  const [clip, setClip] = useState<File | null>(null);
  const [error, setError] = useState<string | null>(null);
  const take = useCallback((file: File) => {
    const isVideo = file.type.startsWith('video/') || file.type === 'image/gif';
    setError(isVideo ? null : `“${file.name}” is no video; choose an MP4, WebM, MOV or GIF file.`);
    if (isVideo) setClip(file);
  }, []);
  return { clip, error, take };
}
