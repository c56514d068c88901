import { afterEach, expect, test, vi } from 'vitest';
import { Service } from '../service';
import { follow, type Job } from './job';

const JOB: Job = { id: 'a', state: 'waiting', position: 0, error: null, links: { self: '', events: '/events', result: '' } };
const state = (name: Job['state']) => `event: state\ndata: ${JSON.stringify({ ...JOB, state: name })}\n\n`;

const brokenOff = (text: string): Response =>
  new Response(
    new ReadableStream({
      pull(stream) {
        if (!text) return stream.error(new TypeError('network error'));
        stream.enqueue(new TextEncoder().encode(text));
        text = '';
      },
    }),
  );

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const ended = async (...answers: (Response | Error)[]): Promise<Job> => {
  vi.useFakeTimers();
  const last = answers.at(-1)!;
  vi.stubGlobal('fetch', () => {
    const answer = answers.shift() ?? last;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  });
  const job = follow(new Service(() => {}), JOB, () => {}, new AbortController().signal);
  job.catch(() => {});
  await vi.advanceTimersByTimeAsync(70_000);
  return job;
};

test('a job is followed over a restart of the service', async () => {
  const busy = new Response('{}', { status: 503 });
  const job = await ended(brokenOff(state('running')), new TypeError('refused'), busy, new Response(state('done')));
  expect(job.state).toBe('done');
});

test('a service that stays away is told, and so is a job that is gone', async () => {
  await expect(ended(new TypeError('refused'))).rejects.toThrow('cannot be reached');
  await expect(ended(new Response('{}', { status: 404 }))).rejects.toThrow('404');
});
