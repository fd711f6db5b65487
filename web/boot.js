// Starts the calculator. The names below are replaced by hashed ones when the site is built.
import init, { start_app } from './app.js';

const failed = () => document.getElementById('boot-failed')?.removeAttribute('hidden');

try {
  await init({ module_or_path: new URL('./app.wasm', import.meta.url) });
  start_app(new URL('./worker.js', import.meta.url).href);
} catch (error) {
  failed();
  throw error;
}

navigator.serviceWorker?.register(new URL('../sw.js', import.meta.url));
