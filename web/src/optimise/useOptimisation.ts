import { useCallback, useRef, useState } from 'react';
import { follow, type Job } from '../jobs/job';
import type { ServerEvent } from '../jobs/events';
import { type Choice } from '../painting/choice';
import { type Picture, pictureOf } from '../picture';
import { isAbort, sentenceOf, type Service } from '../service';
import { blendText, type Settings } from '../settings';

export interface Losses {
  total: number;
  content: number;
  style: number;
  tv: number;
}

export interface Snapshot {
  iteration: number;
  url: string;
}

export interface Progress {
  iteration: number;
  num_iterations: number;
  width: number;
  height: number;
  losses: Losses;
  eta_seconds: number | null;
}

export interface Optimisation {
  state: 'idle' | 'working' | 'done' | 'failed' | 'cancelled';
  message: string | null;
  photo: Picture | null;
  position: number | null;
  progress: Progress | null;
  curve: readonly Progress[];
  snapshots: readonly Snapshot[];
  result: Picture | null;
}

const IDLE: Optimisation = {
  state: 'idle',
  message: null,
  photo: null,
  position: null,
  progress: null,
  curve: [],
  snapshots: [],
  result: null,
};

const fieldsOf = (photo: Picture, { own, blend }: Pick<Choice, 'own' | 'blend'>, settings: Settings) => ({
  photo: photo.blob,
  style: own ? null : blendText(blend),
  style_image: own?.blob,
  image_size: settings.pixels,
  num_iterations: settings.iterations,
  content_weight: settings.content,
  style_weight: settings.style,
  tv_weight: settings.tv,
  init: settings.init,
  preserve_color: settings.color,
  save_every: Math.max(1, Math.round(settings.iterations / 20)),
});

/** An optimisation of the service: begun, watched, cancelled. */
export function useOptimisation(service: Service, onDone: (photo: Picture, result: Picture) => void) {
  const [optimisation, set] = useState(IDLE);
  const running = useRef<{ stop: AbortController; job: Job | null } | null>(null);

  const begin = useCallback(
    (photo: Picture, choice: Pick<Choice, 'own' | 'blend'>, settings: Settings) => {
      const stop = new AbortController();
      const { signal } = stop;
      const mine = { stop, job: null as Job | null };
      running.current = mine;
      const change = (part: (before: Optimisation) => Partial<Optimisation>) =>
        running.current === mine && set((before) => ({ ...before, ...part(before) }));
      const keep = async (iteration: number, path: string) => {
        const url = URL.createObjectURL(await service.blob(path, { signal }));
        change(({ snapshots }) => ({
          snapshots: [...snapshots, { iteration, url }].sort((one, other) => one.iteration - other.iteration),
        }));
      };
      const onEvent = ({ name, data }: ServerEvent) => {
        if (name === 'state') change(() => ({ position: (data as Job).position }));
        if (name === 'progress') change(({ curve }) => ({ progress: data as Progress, curve: [...curve, data as Progress] }));
        if (name === 'snapshot') {
          const { iteration, url } = data as Snapshot;
          keep(iteration, url).catch(() => {}); // one of many pictures on the way
        }
      };
      const work = async () => {
        const answer = await service.post('/v1/optimizations', fieldsOf(photo, choice, settings), signal);
        mine.job = (await answer.json()) as Job;
        const job = await follow(service, mine.job, onEvent, signal);
        if (job.state === 'failed') throw new Error(job.error?.message ?? 'The optimisation failed.');
        if (job.state === 'cancelled') return change(() => ({ state: 'cancelled' }));
        const result = await pictureOf(await service.blob(job.links.result, { signal }), photo.name);
        change(() => ({ state: 'done', result }));
        onDone(photo, result);
      };
      set((before) => {
        before.snapshots.forEach(({ url }) => URL.revokeObjectURL(url));
        return { ...IDLE, state: 'working', photo };
      });
      work().catch((error) => {
        if (!isAbort(error)) change(() => ({ state: 'failed', message: sentenceOf(error) }));
      });
    },
    [service, onDone],
  );

  const cancel = useCallback(() => {
    const { stop, job } = running.current ?? {};
    set((before) => ({ ...before, state: 'cancelled' }));
    running.current = null;
    stop?.abort();
    if (job) service.ask(job.links.self, { method: 'DELETE' }).catch(() => {}); // it has ended by itself
  }, [service]);

  return { optimisation, begin, cancel };
}
