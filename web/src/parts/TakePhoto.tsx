import { useEffect, useRef, useState } from 'react';
import { useCamera } from '../live/camera';
import { ErrorNote } from './ErrorNote';

/** A button that opens the camera, and takes one photo. */
export function TakePhoto({ onFile }: { onFile: (file: File) => void }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Take a photo
      </button>
      {isOpen && <Shutter onFile={onFile} onClose={() => setOpen(false)} />}
    </>
  );
}

function Shutter({ onFile, onClose }: { onFile: (file: File) => void; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [isReady, setReady] = useState(false);
  const error = useCamera(video, true, 1920, 1080);

  useEffect(() => dialog.current?.showModal(), []);

  const shoot = async () => {
    const { videoWidth, videoHeight } = video.current!;
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    canvas.getContext('2d')!.drawImage(video.current!, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
    onFile(new File([blob], 'photo.jpg', { type: 'image/jpeg' }));
    onClose();
  };

  return (
    <dialog ref={dialog} onClose={onClose} aria-label="Take a photo">
      <video ref={video} autoPlay playsInline muted onLoadedData={() => setReady(true)} />
      <ErrorNote message={error} />
      <div className="group">
        <button type="button" className="accent" disabled={!isReady} onClick={shoot}>
          Take it
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </dialog>
  );
}
