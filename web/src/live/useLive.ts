import { type RefObject, useEffect, useRef, useState } from 'react';
import type { BrowserEngine } from '../inBrowser/engine';
import { type Choice, isComplete } from '../painting/choice';
import { fitted } from '../picture';
import { sentenceOf, type Service } from '../service';
import type { Stability } from '../settings';
import { LiveSocket } from './liveSocket';

export interface LiveState {
  /** Of the last second. */
  framesPerSecond: number | null;
  ms: number | null;
  by: string;
  error: string | null;
}

const IDLE: LiveState = { framesPerSecond: null, ms: null, by: '', error: null };
const SIDE_PX = 640;
/** A camera gives 30 a second. */
const FRAME_MS = 33;

interface Wanted {
  video: RefObject<HTMLVideoElement | null>;
  canvas: RefObject<HTMLCanvasElement | null>;
  isOn: boolean;
  choice: Choice;
  model: string;
  stability: Stability;
  service: Service;
  /** Paints here; null: the service paints. */
  engine: BrowserEngine | null;
  onClose: () => void;
}

/** Paints what the camera shows, as fast as it goes, into the canvas. */
export function useLive(wanted: Wanted): LiveState {
  const { isOn, choice, model, stability, engine } = wanted;
  const [state, set] = useState(IDLE);
  const now = useRef(wanted);
  now.current = wanted;
  const socket = useRef<LiveSocket | null>(null);
  const canPaint = isComplete(choice);
  const look = JSON.stringify([choice.blend, choice.own?.id, choice.strength, choice.color]);

  useEffect(() => {
    if (!isOn || !canPaint) return;
    const stop = new AbortController();
    const change = (part: Partial<LiveState>) => stop.signal.aborted || set((before) => ({ ...before, ...part }));
    set(IDLE);
    if (engine) {
      paintHere(now, engine, stop.signal, change).catch((error) => change({ error: sentenceOf(error) }));
      return () => stop.abort();
    }
    const { service, onClose } = now.current;
    const opened = new LiveSocket(now.current.choice, model, stability, service.key, {
      onFrame: (frame) => stop.signal.aborted || show(now.current.canvas.current, frame),
      onStatistics: (framesPerSecond, ms) => change({ framesPerSecond, ms, by: 'by the service' }),
      onError: (message) => change({ error: sentenceOf(message) }),
      onClose: () => stop.signal.aborted || onClose(),
    });
    socket.current = opened;
    sendFrames(now, opened, stop.signal);
    return () => {
      stop.abort();
      socket.current = null;
      opened.close();
    };
  }, [isOn, canPaint, model, stability, choice.stroke, engine]);

  useEffect(() => socket.current?.restyle(now.current.choice), [look]);

  return isOn ? state : { ...IDLE, error: state.error };
}

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));

/** The newest frame of the camera, in a canvas; null: there is none yet. */
function frameOf(video: HTMLVideoElement | null): OffscreenCanvas | null {
  if (!video?.videoWidth) return null;
  const canvas = new OffscreenCanvas(...fitted(video.videoWidth, video.videoHeight, SIDE_PX));
  canvas.getContext('2d', { willReadFrequently: true })!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function sendFrames(now: RefObject<Wanted>, socket: LiveSocket, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const frame = socket.isReady ? frameOf(now.current.video.current) : null;
    if (frame) socket.send(await frame.convertToBlob({ type: 'image/jpeg', quality: 0.85 }));
    await pause(FRAME_MS);
  }
}

async function paintHere(
  now: RefObject<Wanted>,
  engine: BrowserEngine,
  signal: AbortSignal,
  change: (part: Partial<LiveState>) => void,
): Promise<void> {
  let painted = 0;
  let since = performance.now();
  while (!signal.aborted) {
    const frame = frameOf(now.current.video.current);
    if (!frame) {
      await pause(FRAME_MS);
      continue;
    }
    const photo = frame.getContext('2d')!.getImageData(0, 0, frame.width, frame.height);
    const { pixels, ms, provider } = await engine.paint(photo, now.current.choice, signal);
    if (signal.aborted) return;
    draw(now.current.canvas.current, pixels.width, pixels.height, (context) => context.putImageData(pixels, 0, 0));
    painted += 1;
    const seconds = (performance.now() - since) / 1000;
    if (seconds < 1 && painted > 1) continue;
    change({ framesPerSecond: painted / seconds, ms, by: `in this browser, ${provider}` });
    painted = 0;
    since = performance.now();
  }
}

async function show(canvas: HTMLCanvasElement | null, frame: Blob): Promise<void> {
  const bitmap = await createImageBitmap(frame);
  draw(canvas, bitmap.width, bitmap.height, (context) => context.drawImage(bitmap, 0, 0));
  bitmap.close();
}

function draw(
  canvas: HTMLCanvasElement | null,
  width: number,
  height: number,
  paint: (context: CanvasRenderingContext2D) => void,
): void {
  if (!canvas) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  paint(canvas.getContext('2d')!);
}
