import { useRef, useState } from 'react';
import type { BrowserEngine } from '../inBrowser/engine';
import { type Choice, isComplete } from '../painting/choice';
import { ErrorNote } from '../parts/ErrorNote';
import type { Service } from '../service';
import type { Stability } from '../settings';
import { useCamera } from './camera';
import { useLive } from './useLive';

interface Properties {
  choice: Choice;
  model: string;
  stability: Stability;
  service: Service;
  engine: BrowserEngine | null;
}

/** The camera, painted. */
export function LiveStage({ choice, model, stability, service, engine }: Properties) {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [isOn, setOn] = useState(false);
  const cameraError = useCamera(video, isOn, 640, 480);
  const onClose = () => setOn(false);
  const live = useLive({ video, canvas, isOn, choice, model, stability, service, engine, onClose });
  const canBegin = isComplete(choice);
  return (
    <div className="stage">
      <div className={isOn ? 'live' : 'live off'}>
        <canvas ref={canvas} width={640} height={480} role="img" aria-label="The camera, painted" />
        <video ref={video} autoPlay playsInline muted aria-label="The camera" />
        {!isOn && (
          <div className="start">
            <h1>Your camera, painted as you move</h1>
            <p className="quiet">{engine ? 'No frame leaves this device.' : 'Frames go to the service and are not kept.'}</p>
            <button type="button" className="accent" disabled={!canBegin} onClick={() => setOn(true)}>
              Begin
            </button>
          </div>
        )}
      </div>
      <div className="state">
        <span role="status">{canBegin ? isOn && 'The camera is on.' : 'Choose a style.'}</span>
        {live.framesPerSecond !== null && (
          <span className="figures">
            {live.framesPerSecond.toFixed(1)} frames/s, {Math.round(live.ms!)} ms each, {live.by}
          </span>
        )}
        {isOn && (
          <button type="button" onClick={() => setOn(false)}>
            Stop
          </button>
        )}
      </div>
      <ErrorNote message={cameraError ?? live.error} />
    </div>
  );
}
