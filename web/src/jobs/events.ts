import { isAbort, ServiceError } from '../service';

/** An event of a stream (text/event-stream). */
export interface ServerEvent {
  name: string;
  data: unknown;
}

/** The events of an answer, as they come. EventSource would do it without a key; the service may want one. */
export async function* eventsOf(answer: Response): AsyncGenerator<ServerEvent> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read().catch((error: unknown) => {
      if (isAbort(error)) throw error;
      throw new ServiceError('The connection to the service broke off; is it still running?', 0);
    });
    if (done) return;
    text = (text + value).replaceAll('\r\n', '\n');
    const parts = text.split('\n\n');
    text = parts.pop()!;
    for (const part of parts) {
      const event = eventOf(part);
      if (event) yield event;
    }
  }
}

function eventOf(part: string): ServerEvent | null {
  const lines = part.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line));
  const values = (field: string) => lines.filter((line) => line?.[1] === field).map((line) => line![2]!);
  const data = values('data').join('\n');
  return data ? { name: values('event')[0] ?? 'message', data: JSON.parse(data) } : null;
}
