// The compute worker's first script: a job in, answers out. The names are replaced by hashed ones at build time.
import init, { work } from './worker-glue.js';

const ready = init({ module_or_path: new URL('./worker.wasm', import.meta.url) });

self.addEventListener('message', async ({ data: [run, job, file] }) => {
  const tell = answer => self.postMessage([run, answer]);
  try {
    await ready;
    work(job, new Uint8Array(file ? await file.arrayBuffer() : 0), tell);
  } catch (error) {
    tell(String(error));
  }
});
