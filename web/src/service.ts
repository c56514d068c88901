/** What the service answers, and how it is asked; see `/docs` of a running one. */

export interface Style {
  name: string;
  title: string;
  painter: string;
  year: string;
  preview: string | null;
  models: string[];
}

export interface Model {
  name: string;
  styles: string[];
  any_style: boolean;
}

/** An error that the service tells, or the way to it: `message` is a sentence for people. */
export class ServiceError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

/** A sentence for people, of whatever was thrown. */
export const sentenceOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
};

/** A character for each byte of the text in UTF-8: what headers and base64 take. */
export const bytesText = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));

export class Service {
  /** Kept for this visit only; never stored. */
  key = '';

  /** Called whenever an answer says that a key is wanted. */
  constructor(private readonly onKeyWanted: () => void) {}

  /** An answer whose status is a success. */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key) headers.set('Authorization', `Bearer ${bytesText(this.key)}`);
    let answer: Response;
    try {
      answer = await fetch(path, { ...init, headers });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ServiceError('The service cannot be reached; is it still running?', 0);
    }
    if (answer.ok) return answer;
    if (answer.status === 401) this.onKeyWanted();
    throw new ServiceError(await this.#messageOf(answer), answer.status);
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.ask(path, init)).json()) as T;
  }

  async blob(path: string, init: RequestInit = {}): Promise<Blob> {
    return (await this.ask(path, init)).blob();
  }

  post(path: string, fields: Fields, signal?: AbortSignal): Promise<Response> {
    return this.ask(path, { method: 'POST', body: formOf(fields), ...(signal && { signal }) });
  }

  async #messageOf(answer: Response): Promise<string> {
    if (answer.status === 401) return 'This service wants a key; give it above.';
    try {
      const { error } = (await answer.json()) as { error: { message: string } };
      return answer.status === 503 ? `The service is busy: ${error.message}` : error.message;
    } catch {
      return `The service answered ${answer.status} ${answer.statusText}`.trim();
    }
  }
}

export type Fields = Record<string, string | number | Blob | readonly Blob[] | null | undefined>;

/** A form; what is null, undefined or empty is left to the service's default. */
export function formOf(fields: Fields): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === '') continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each instanceof Blob) form.append(name, each, each instanceof File ? each.name : name);
      else form.append(name, String(each));
    }
  }
  return form;
}
