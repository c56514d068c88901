import type { Service } from '../service';
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

/** Hands the events of a job to `onEvent` until it has ended; returns its end. A stream that breaks off is taken up again. */
export async function follow(
  service: Service,
  begun: Job,
  onEvent: (event: ServerEvent) => void,
  signal: AbortSignal,
): Promise<Job> {
  let job = begun;
  while (job.state === 'waiting' || job.state === 'running') {
    for await (const event of eventsOf(await service.ask(job.links.events, { signal }))) {
      if (event.name === 'state') job = event.data as Job;
      onEvent(event);
    }
  }
  return job;
}

/** `12 s`, `3 min`. */
export const durationText = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;

export const waitingText = (position: number | null): string =>
  position ? `Waiting: ${position} before this one…` : 'Waiting for its turn…';
