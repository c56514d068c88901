/** Runs the model beside the page, which stays responsive. */

import * as ort from 'onnxruntime-web/webgpu';
import loader from '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasm from '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm?url';
import type { Job, Reply } from './messages';
import { mixed, rgbOf } from './pixels';
import { styleNames } from './styleNames';

const MODEL = '/assets/live.onnx';
const ERRORS_ONLY = 3;
const PROVIDERS = { webgpu: 'WebGPU', wasm: 'WebAssembly' } as const;

ort.env.wasm.wasmPaths = { mjs: new URL(loader, location.href).href, wasm: new URL(wasm, location.href).href };
ort.env.logLevel = 'error';

interface Loaded {
  session: ort.InferenceSession;
  styles: string[];
  provider: string;
}

let loading: Promise<Loaded> | null = null;

async function load(): Promise<Loaded> {
  const answer = await fetch(MODEL);
  if (!answer.ok) throw new Error(`The model cannot be fetched (${answer.status}).`);
  const model = new Uint8Array(await answer.arrayBuffer());
  const open = (provider: keyof typeof PROVIDERS) =>
    ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: ERRORS_ONLY });
  const styles = styleNames(model);
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter && !adapter.info.isFallbackAdapter) {
    try {
      return { session: await open('webgpu'), styles, provider: PROVIDERS.webgpu };
    } catch (error) {
      console.info(`WebGPU cannot run the model (${String(error)}); WebAssembly does`);
    }
  }
  return { session: await open('wasm'), styles, provider: PROVIDERS.wasm };
}

/** The model, fetched once; again only where that has failed. */
async function loaded(): Promise<Loaded> {
  loading ??= load();
  try {
    return await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}

async function paint({ id, width, height, pixels, shares, strength }: Job): Promise<Reply> {
  const { session, styles, provider } = await loaded();
  const started = performance.now();
  const weights = new Float32Array(styles.length);
  for (const [name, share] of shares) {
    const place = styles.indexOf(name);
    if (place < 0) throw new Error(`The model of the browser does not know ${name}; paint it by the service.`);
    weights[place] = share;
  }
  const photo = rgbOf(new Uint8ClampedArray(pixels));
  const inputs = {
    image: new ort.Tensor('uint8', photo, [1, height, width, 3]),
    style_weights: new ort.Tensor('float32', weights, [1, styles.length]),
  };
  const results = await session.run(inputs).catch(async (error: unknown) => {
    loading = null; // the GPU may be lost: the next picture has another session
    await session.release().catch(() => {});
    throw error;
  });
  const painted = results.stylized_image!;
  const mix = mixed(photo, painted.data as Uint8Array, strength);
  painted.dispose();
  return { id, pixels: mix.buffer, ms: performance.now() - started, provider };
}

addEventListener('message', ({ data }: MessageEvent<Job>) => {
  paint(data).then(
    (reply) => postMessage(reply, 'pixels' in reply ? { transfer: [reply.pixels] } : {}),
    (error: unknown) =>
      postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) } satisfies Reply),
  );
});
