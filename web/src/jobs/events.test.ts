// @vitest-environment node
import { expect, test } from 'vitest';
import { eventsOf } from './events';

const TEXT = 'event: state\ndata: {"state":"running"}\n\n: still here\n\nid: 2\r\nevent: progress\r\ndata: {"done":\r\ndata: 1}\r\n\r\ndata: "é"\n\nevent: cut';

const inPieces = (size: number): Response => {
  const bytes = new TextEncoder().encode(TEXT);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
  return new Response(
    new ReadableStream({
      start(stream) {
        pieces.forEach((piece) => stream.enqueue(piece));
        stream.close();
      },
    }),
  );
};

test.each([1, 2, 7, 1000])('events are read from pieces of %d bytes', async (size) => {
  const events = [];
  for await (const event of eventsOf(inPieces(size))) events.push(event);
  expect(events).toEqual([
    { name: 'state', data: { state: 'running' } },
    { name: 'progress', data: { done: 1 } },
    { name: 'message', data: 'é' },
  ]);
});
