// The compute worker's first script: the page's module without a page. A job in, answers out. The names are replaced
// by hashed ones at build time.
import init, { prepare, work } from './app.js';
import { share } from './app-parts.js';

const start = async () => {
  share(await init({ module_or_path: new URL('./app.wasm', import.meta.url) }));
  await prepare();
};
const ready = start();

self.addEventListener('message', async ({ data: [run, job, file] }) => {
  const tell = answer => self.postMessage([run, answer]);
  try {
    await ready;
    work(job, new Uint8Array(file ? await file.arrayBuffer() : 0), tell);
  } catch (error) {
    tell(String(error));
  }
});
