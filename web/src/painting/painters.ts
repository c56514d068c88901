import type { Service } from '../service';
import { type Choice, styleFields } from './choice';

/** What was painted, and how long it took. */
export interface Painted {
  blob: Blob;
  /** In words: the service's model, or what computed in the browser. */
  by: string;
  /** Of the computation. */
  ms: number;
  /** With the way there and back, where there was one. */
  wholeMs: number | null;
}

/** Paints a photo; rejects with a sentence. */
export type Painter = (photo: Blob, choice: Choice, signal: AbortSignal) => Promise<Painted>;

export const servicePainter =
  (service: Service): Painter =>
  async (photo, choice, signal) => {
    const started = performance.now();
    const answer = await service.post(
      '/v1/stylize',
      {
        photo,
        ...styleFields(choice),
        model: choice.own ? null : choice.model,
        strength: choice.strength,
        stroke_size: choice.stroke,
        preserve_color: choice.color,
        max_side: choice.size,
        quality: 92,
      },
      signal,
    );
    const blob = await answer.blob();
    return {
      blob,
      by: (answer.headers.get('X-NST-Model') ?? '').replace(/^bundled:/, ''),
      ms: Number(answer.headers.get('X-NST-Total-Ms')),
      wholeMs: performance.now() - started,
    };
  };
