import { styleFields, type Choice } from '../painting/choice';
import { bytesText } from '../service';
import type { Stability } from '../settings';

export interface LiveCallbacks {
  onFrame: (frame: Blob) => void;
  onStatistics: (framesPerSecond: number, ms: number) => void;
  onError: (message: string) => void;
  onClose: () => void;
}

interface Said {
  type: 'ready' | 'statistics' | 'error';
  frames_per_second: number;
  ms: number;
  message: string;
}

const TRY_LATER = 1013;

/** The connection that frames go out by, and come back painted. */
export class LiveSocket {
  readonly #socket: WebSocket;
  #message = '';

  constructor(choice: Choice, model: string, stability: Stability, key: string, callbacks: LiveCallbacks) {
    const query = new URLSearchParams({
      ...this.#look(choice),
      model: choice.own ? '' : model,
      stroke_size: String(choice.stroke),
      stability,
    });
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    const address = `${location.origin.replace(/^http/, 'ws')}/v1/live?${query}`;
    this.#socket = new WebSocket(address, key ? ['nst', `nst.key.${base64url(key)}`] : ['nst']);
    this.#socket.binaryType = 'blob';
    this.#socket.addEventListener('message', ({ data }: MessageEvent<Blob | string>) => {
      if (data instanceof Blob) return callbacks.onFrame(data);
      const said = JSON.parse(data) as Said;
      if (said.type === 'statistics') callbacks.onStatistics(said.frames_per_second, said.ms);
      if (said.type === 'error') callbacks.onError((this.#message = said.message));
    });
    this.#socket.addEventListener('close', ({ code, wasClean }) => {
      if (code === TRY_LATER) callbacks.onError(`All places are taken: ${this.#message}`);
      else if (!this.#message && !wasClean) callbacks.onError('The connection to the service was lost.');
      callbacks.onClose();
    });
  }

  /** Whether the frames before this one have left. */
  get isReady(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount === 0;
  }

  send(frame: Blob): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  /** Paints the next frames so. */
  restyle(choice: Choice): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const { preserve_color, strength, ...style } = this.#look(choice);
    const text = { ...style, strength: Number(strength), preserve_color: preserve_color || null };
    this.#socket.send(JSON.stringify(text));
  }

  close(): void {
    this.#socket.close();
  }

  #look(choice: Choice): Record<string, string> {
    const style = choice.own ? { style_id: choice.own.id ?? '' } : (styleFields(choice) as { style: string });
    return { ...style, strength: String(Math.min(1, choice.strength)), preserve_color: choice.color };
  }
}

const base64url = (text: string): string =>
  btoa(bytesText(text))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
