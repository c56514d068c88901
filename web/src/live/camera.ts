import { type RefObject, useEffect, useState } from 'react';

const REASONS: Record<string, string> = {
  NotAllowedError: 'The browser was not allowed to use a camera; allow it beside the address, and try again.',
  NotFoundError: 'There is no camera on this device.',
  NotReadableError: 'The camera is used by another program; close that one, and try again.',
};

/** Opens the camera; the error is a sentence. */
export async function openCamera(width: number, height: number): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error('Browsers open cameras only for https or localhost.');
  try {
    const wanted = { width: { ideal: width }, height: { ideal: height }, facingMode: { ideal: 'environment' } };
    return await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    throw new Error(REASONS[name] ?? `The camera cannot be opened (${String(error)}).`);
  }
}

/** Shows the camera in a video element while `isOpen`; what went wrong, if it did. */
export function useCamera(video: RefObject<HTMLVideoElement | null>, isOpen: boolean, width: number, height: number) {
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    if (!isOpen) return;
    let stream: MediaStream | null = null;
    let isGone = false;
    setError(null);
    openCamera(width, height).then(
      (opened) => {
        stream = opened;
        if (isGone || !video.current) stop(opened);
        else video.current.srcObject = opened;
      },
      (reason: Error) => isGone || setError(reason.message),
    );
    return () => {
      isGone = true;
      if (stream) stop(stream);
    };
  }, [video, isOpen, width, height]);

  return error;
}

const stop = (stream: MediaStream) => stream.getTracks().forEach((track) => track.stop());
