// Keeps the site usable without a network.
const CACHE = 'dhurandhar-' + '%VERSION%';
const FILES = ['%FILES%'];
// What the first answer does not need; kept once the page says that it has been given.
const LATER = ['%LATER%'];
const HASHED = /\/assets\/[^/]+-[0-9a-f]{10}\.\w+$/;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

// The pages that were read before this worker was there.
const keepOpen = async () => {
  const [cache, open] = await Promise.all([caches.open(CACHE), self.clients.matchAll({ type: 'window' })]);
  const keep = async ({ url }) => await cache.match(url, { ignoreSearch: true }) || cache.add(url);
  // One that cannot be had again is kept when it is next read.
  await Promise.allSettled(open.map(keep));
};

self.addEventListener('activate', (event) => {
  const drop = (names) => Promise.all(
    names.filter((name) => name.startsWith('dhurandhar-') && name !== CACHE).map((name) => caches.delete(name)),
  );
  event.waitUntil(caches.keys().then(drop).then(() => self.clients.claim()).then(keepOpen));
});

// Sent by the calculator after its first answer.
self.addEventListener('message', (event) => {
  const missing = async (cache) => {
    const kept = await Promise.all(LATER.map((file) => cache.match(file)));
    return cache.addAll(LATER.filter((_, at) => !kept[at]));
  };
  // Without a network they come with the next visit.
  if (event.data === 'keep') event.waitUntil(caches.open(CACHE).then(missing).catch(() => {}));
});

const store = async (request, response) => {
  if (response.ok) await (await caches.open(CACHE)).put(request, response.clone());
  return response;
};

// A page that was not kept has another in its place, which says so.
const UNKEPT = `${self.registration.scope}offline/`;
const absent = async (request) =>
  request.mode === 'navigate' && request.url !== UNKEPT && await caches.match(UNKEPT) ? Response.redirect(UNKEPT) : Response.error();

const lookup = (request) => caches.match(request, { ignoreSearch: true });

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const events = request.headers.get('accept') === 'text/event-stream';
  if (request.method !== 'GET' || url.origin !== location.origin || events) return;
  const network = () => fetch(request).then((response) => store(request, response));
  event.respondWith(
    HASHED.test(url.pathname)
      ? lookup(request).then((kept) => kept ?? network())
      : network().catch(() => lookup(request).then((kept) => kept ?? absent(request))),
  );
});
