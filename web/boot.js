// Starts the calculator. The names below are replaced by hashed ones when the site is built.
import init, { start_app } from './app.js';
import { share } from './app-parts.js';

const failed = () => document.getElementById('boot-failed')?.removeAttribute('hidden');

try {
  const [builtIn, application] = await Promise.all([
    fetch(new URL('./catalogue.bin', import.meta.url)).then(response => response.arrayBuffer()),
    init({ module_or_path: new URL('./app.wasm', import.meta.url) }),
  ]);
  share(application);
  // The browser may paint and answer between compiling and starting.
  await new Promise(resolve => setTimeout(resolve));
  const loadReader = () => import('./reader.js');
  start_app(new URL('./worker.js', import.meta.url).href, new Uint8Array(builtIn), loadReader);
} catch (error) {
  failed();
  throw error;
}

navigator.serviceWorker?.register(new URL('../sw.js', import.meta.url));
