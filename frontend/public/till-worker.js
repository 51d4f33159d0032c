// Keeps the till's page on the device, so that it opens without a network.  The server writes SHELL before this text:
// `slug`, `version`, and the `pages` and `files` that belong together.  Data is never kept here.

const KEPT = `till/${SHELL.slug}/${SHELL.version}`;
const PICTURES = `till-pictures/${SHELL.slug}`;

self.addEventListener("install", (event) => {
  // All or nothing: a version that came in part never takes over.
  const wanted = [...SHELL.pages, ...SHELL.files].map((url) => new Request(url, { cache: "no-cache" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(wanted)));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(`till/${SHELL.slug}/`) && name !== KEPT;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("message", (event) => {
  // The page says so between two sales.
  if (event.data?.takeOver) self.skipWaiting();
  if (Array.isArray(event.data?.pictures)) event.waitUntil(keepPictures(event.data.pictures));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (SHELL.pages.includes(url.pathname)) event.respondWith(kept(event.request, url.pathname));
  else if (SHELL.files.includes(url.pathname)) event.respondWith(kept(event.request, url.pathname));
  else if (url.pathname.startsWith("/pictures/")) event.respondWith(picture(event.request));
});

async function kept(request, path) {
  const cache = await caches.open(KEPT);
  return (await cache.match(path, { ignoreVary: true })) ?? fetch(request);
}

async function picture(request) {
  const cache = await caches.open(PICTURES);
  const found = await cache.match(request.url, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request.url, answer.clone());
  return answer;
}

async function keepPictures(wanted) {
  const cache = await caches.open(PICTURES);
  const addresses = new Set(wanted.map((each) => new URL(each, self.location.origin).href));
  for (const request of await cache.keys()) if (!addresses.has(request.url)) await cache.delete(request);
  for (const url of addresses) {
    if (await cache.match(url)) continue;
    // One that is not there is asked for again when it is shown.
    await cache.add(url).catch(() => undefined);
  }
}
