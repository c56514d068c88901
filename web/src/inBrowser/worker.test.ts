import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Job, Reply } from './messages';

const MODEL = readFileSync(join(import.meta.dirname, '../../../nst_engine/bundled/models/live-uint8.onnx'));
const BLACK = new Uint8Array(3);
const session = vi.hoisted(() => ({ create: vi.fn(), run: vi.fn(), release: vi.fn() }));

vi.mock('onnxruntime-web/webgpu', () => ({
  env: { wasm: {} },
  InferenceSession: { create: session.create },
  Tensor: class {
    constructor(
      readonly type: string,
      readonly data: ArrayLike<number>,
    ) {}
  },
}));

/** What the worker answers to a job for one pixel, which is transparent black. */
let ask: (job?: Partial<Job>) => Promise<Reply>;

beforeEach(async () => {
  vi.resetModules();
  vi.resetAllMocks();
  session.create.mockResolvedValue({ run: session.run, release: session.release });
  session.run.mockImplementation(() => Promise.resolve({ stylized_image: { data: BLACK, dispose() {} } }));
  session.release.mockResolvedValue(undefined);
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(MODEL))));
  let receive!: (message: { data: Job }) => void;
  let answer!: (reply: Reply) => void;
  vi.stubGlobal('addEventListener', (_: string, listener: typeof receive) => (receive = listener));
  vi.stubGlobal('postMessage', (reply: Reply) => answer(reply));
  await import('./worker');
  ask = (job) =>
    new Promise((resolve) => {
      answer = resolve;
      const pixels = new ArrayBuffer(4);
      receive({ data: { id: 1, width: 1, height: 1, pixels, shares: [['great-wave', 1]], strength: 1, ...job } });
    });
});

const pixelsOf = (reply: Reply) => ('pixels' in reply ? [...new Uint8Array(reply.pixels)] : reply.error);

test.each([
  [0, [255, 255, 255, 255]],
  [0.5, [128, 128, 128, 255]],
  [1, [0, 0, 0, 255]],
])('at strength %d what is transparent is white, as the model sees it', async (strength, expected) => {
  expect(pixelsOf(await ask({ strength }))).toEqual(expected);
  const [inputs] = session.run.mock.calls[0]! as [{ image: { data: Uint8Array } }];
  expect([...inputs.image.data]).toEqual([255, 255, 255]);
});

test('a style that is unknown costs no model', async () => {
  expect(pixelsOf(await ask({ shares: [['no-such', 1]] }))).toContain('does not know no-such');
  expect(pixelsOf(await ask())).toEqual([0, 0, 0, 255]);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(session.create).toHaveBeenCalledTimes(1);
});

test('a model that could not be fetched is fetched for the next picture', async () => {
  vi.mocked(fetch).mockResolvedValueOnce(new Response(null, { status: 503 }));
  expect(pixelsOf(await ask())).toContain('cannot be fetched (503)');
  expect(pixelsOf(await ask())).toEqual([0, 0, 0, 255]);
});

test('a session that fails is released, and the next picture has another one', async () => {
  session.run.mockRejectedValueOnce(new Error('the GPU is lost'));
  expect(pixelsOf(await ask())).toBe('the GPU is lost');
  expect(session.release).toHaveBeenCalledTimes(1);
  expect(pixelsOf(await ask())).toEqual([0, 0, 0, 255]);
  expect(session.create).toHaveBeenCalledTimes(2);
});
