import { useCallback, useRef, useState } from 'react';
import { follow, type Job } from '../jobs/job';
import type { ServerEvent } from '../jobs/events';
import { type Choice, styleFields } from '../painting/choice';
import { isAbort, sentenceOf, type Service } from '../service';
import type { Stability } from '../settings';

export interface FrameProgress {
  done: number;
  /** Null: the file does not say. */
  total: number | null;
  eta_seconds: number | null;
}

export interface VideoState {
  state: 'idle' | 'uploading' | 'working' | 'done' | 'failed' | 'cancelled';
  message: string | null;
  position: number | null;
  progress: FrameProgress | null;
  /** Of the painted video. */
  url: string | null;
}

const IDLE: VideoState = { state: 'idle', message: null, position: null, progress: null, url: null };

/** A video that the service paints: begun, watched, cancelled. */
export function useVideo(service: Service) {
  const [video, set] = useState(IDLE);
  const running = useRef<{ stop: AbortController; job: Job | null } | null>(null);

  const begin = useCallback(
    (file: File, choice: Choice, stability: Stability) => {
      const stop = new AbortController();
      const { signal } = stop;
      const mine = { stop, job: null as Job | null };
      running.current = mine;
      const change = (part: Partial<VideoState>) =>
        running.current === mine && set((before) => ({ ...before, ...part }));
      const onEvent = ({ name, data }: ServerEvent) => {
        if (name === 'state') change({ position: (data as Job).position });
        if (name === 'progress') change({ progress: data as FrameProgress });
      };
      const work = async () => {
        const fields = {
          video: file,
          ...styleFields(choice),
          model: choice.own ? null : choice.model,
          strength: Math.min(1, choice.strength),
          stroke_size: choice.stroke,
          preserve_color: choice.color,
          stability,
          max_side: choice.size,
        };
        mine.job = (await (await service.post('/v1/videos', fields, signal)).json()) as Job;
        change({ state: 'working' });
        const job = await follow(service, mine.job, onEvent, signal);
        if (job.state === 'failed') throw new Error(job.error?.message ?? 'The video cannot be painted.');
        if (job.state === 'cancelled') return change({ state: 'cancelled' });
        change({ state: 'done', url: URL.createObjectURL(await service.blob(job.links.result, { signal })) });
      };
      set((before) => {
        if (before.url) URL.revokeObjectURL(before.url);
        return { ...IDLE, state: 'uploading' };
      });
      work().catch((error) => {
        if (!isAbort(error)) change({ state: 'failed', message: sentenceOf(error) });
      });
    },
    [service],
  );

  const cancel = useCallback(() => {
    const { stop, job } = running.current ?? {};
    running.current = null;
    stop?.abort();
    set((before) => ({ ...before, state: 'cancelled' }));
    if (job) service.ask(job.links.self, { method: 'DELETE' }).catch(() => {}); // it has ended by itself
  }, [service]);

  return { video, begin, cancel };
}
