// @vitest-environment node
import { afterEach, expect, test, vi } from 'vitest';
import { formOf, sentenceOf, Service } from './service';

const answering = (status: number, body: unknown) => {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', fetched);
  return fetched;
};

afterEach(() => vi.unstubAllGlobals());

test('an error says what the service says', async () => {
  answering(422, { error: { message: 'strength: wanted 0 to 2' } });
  const error = await new Service(() => {}).ask('/v1/stylize').catch((reason) => reason);
  expect(sentenceOf(error)).toBe('Strength: wanted 0 to 2.');
  expect(error.status).toBe(422);
});

test('an answer that is no JSON is told by its status', async () => {
  vi.stubGlobal('fetch', async () => new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
  await expect(new Service(() => {}).ask('/')).rejects.toThrow('The service answered 502 Bad Gateway');
});

test('a key is asked for, and then sent, in UTF-8', async () => {
  const wanted = vi.fn();
  const service = new Service(wanted);
  answering(401, {});
  await expect(service.ask('/v1/styles')).rejects.toThrow('wants a key');
  expect(wanted).toHaveBeenCalledOnce();
  service.key = 'é';
  const fetched = answering(200, {});
  await service.ask('/v1/styles');
  expect((fetched.mock.calls[0]![1].headers as Headers).get('Authorization')).toBe('Bearer Ã©');
});

test('what is cancelled is no error of the service', async () => {
  const stop = new AbortController();
  stop.abort();
  await expect(new Service(() => {}).ask('http://127.0.0.1:1/', { signal: stop.signal })).rejects.toThrow(DOMException);
});

test('a form leaves out what is the default', () => {
  const form = formOf({ style: 'scream', strength: 0, model: '', color: null, images: [new Blob(['a']), new Blob(['b'])] });
  expect([...form.keys()]).toEqual(['style', 'strength', 'images', 'images']);
});
