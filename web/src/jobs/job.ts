import { type Service, ServiceError } from '../service';
import { eventsOf, type ServerEvent } from './events';

/** Work of the service that takes long. */
export interface Job {
  id: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Jobs before it. */
  position: number | null;
  error: { message: string } | null;
  links: { self: string; events: string; result: string };
}

/** How long a service may be away: it takes up its jobs when it has started again. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 1000;
const AWAY = [0, 502, 503, 504];

/** Hands the events of a job to `onEvent` until it has ended; returns its end. A stream that breaks off is taken up again. */
export async function follow(
  service: Service,
  begun: Job,
  onEvent: (event: ServerEvent) => void,
  signal: AbortSignal,
): Promise<Job> {
  let job = begun;
  let heardAt = Date.now();
  while (job.state === 'waiting' || job.state === 'running') {
    try {
      for await (const event of eventsOf(await service.ask(job.links.events, { signal }))) {
        heardAt = Date.now();
        if (event.name === 'state') job = event.data as Job;
        onEvent(event);
      }
    } catch (error) {
      const isAway = error instanceof ServiceError && AWAY.includes(error.status);
      if (!isAway || Date.now() - heardAt > PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  return job;
}

/** `12 s`, `3 min`. */
export const durationText = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;

export const waitingText = (position: number | null): string =>
  position ? `Waiting: ${position} before this one…` : 'Waiting for its turn…';
