// Starts the calculator. The names below are replaced by hashed ones when the site is built.
import init, { install, start_app } from './app.js';
import { share } from './app-parts.js';

// The tables that stand there until the application is are about the first model: not what a link is about.
if (location.search) document.getElementById('app')?.classList.add('calc-other');

const failed = () => {
  document.getElementById('boot-failed')?.removeAttribute('hidden');
  document.getElementById('app')?.classList.remove('calc-other');
};

// On paper: where it comes from, and when.
addEventListener('beforeprint', () => {
  const place = document.querySelector('.printed');
  if (place) place.textContent = `${place.dataset.by}, printed on ${new Date().toLocaleDateString('sv')} from ${location.href}`;
});

// The link holds the state, so starting again loses nothing.
const stopped = () => {
  const made = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const link = (textContent, href) => made('a', { className: 'button quiet', textContent, href });
  document.getElementById('app')?.before(made('div', { id: 'calc-stopped', className: 'notice', role: 'alert' },
    made('p', { textContent: 'The calculator ran into an error of its own and stopped. Your choices are in the address bar.' }),
    link('Start again with the same choices', location.href), link('Start afresh', location.pathname)));
};

// Packed by the site's build, since few hosts compress a file of its kind.
const unpacked = ({ body }) =>
  new Response(body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer().then(buffer => new Uint8Array(buffer));
const loadCatalogue = () => fetch(new URL('./catalogue.bin', import.meta.url)).then(unpacked);
// What is shown first is one model on one device; a link may be about any of them.
const loadFirst = () =>
  location.search ? loadCatalogue() : fetch(new URL('./first.bin', import.meta.url)).then(unpacked);

try {
  const [builtIn, application] = await Promise.all([
    loadFirst(),
    init({ module_or_path: new URL('./app.wasm', import.meta.url) }),
  ]);
  share(application);
  // The browser may paint and answer in between.
  const pause = () => new Promise(resolve => setTimeout(resolve));
  await pause();
  install(builtIn, stopped);
  await pause();
  const loadReader = () => import('./reader.js');
  start_app(new URL('./worker.js', import.meta.url).href, loadReader, loadCatalogue);
} catch (error) {
  failed();
  throw error;
}

navigator.serviceWorker?.register(new URL('../sw.js', import.meta.url));
// What the first answer did not need is kept as soon as the worker is there, so that all of it works without a network from
// then on; for whoever saves data, from the second visit on.
const worker = navigator.connection?.saveData
  ? navigator.serviceWorker?.controller
  : (await navigator.serviceWorker?.ready)?.active;
worker?.postMessage('keep');
