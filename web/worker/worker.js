// The compute worker's first script: text in, text out. The names are replaced by hashed ones at build time.
import init, { answer } from './worker-glue.js';

const ready = init({ module_or_path: new URL('./worker.wasm', import.meta.url) });

self.addEventListener('message', async ({ data }) => {
  await ready;
  self.postMessage(answer(data));
});
