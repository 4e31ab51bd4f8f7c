// Keeps the gate's page and its files on the telephone. What the page asks of the API is never kept here.
"use strict";

const CACHE = "gate-{{ version|escapejs }}";
const PAGE = "{{ page|escapejs }}";
const FILES = JSON.parse("{{ files|escapejs }}");
const PATIENCE = 4000;

// A redirect to the log-in is not the page.
const isPage = (response) => response.ok && !response.redirected && response.type === "basic";

async function keepPage(cache) {
  const fresh = await fetch(PAGE, { credentials: "same-origin" }).catch(() => null);
  const page = fresh && isPage(fresh) ? fresh : await caches.match(PAGE);
  if (page) {
    await cache.put(PAGE, page);
  }
}

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((url) => new Request(url, { cache: "reload" })));
  await keepPage(cache);
  await self.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("gate-") && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function page(request) {
  const cache = await caches.open(CACHE);
  const asked = fetch(request).then(async (response) => {
    if (isPage(response)) {
      await cache.put(PAGE, response.clone());
    }
    return response;
  });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const answer = await Promise.race([asked, late]).catch(() => null);
  // A server that is ill is no better than none: the page that is kept can let people in.
  if (answer && answer.status < 500) {
    return answer;
  }
  return (await cache.match(PAGE)) || answer || asked;
}

async function file(request) {
  return (await caches.match(request, { ignoreSearch: true })) || fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) {
    return;
  }
  if (request.mode === "navigate") {
    if (url.pathname === PAGE) {
      event.respondWith(page(request));
    }
  } else if (FILES.includes(url.pathname)) {
    event.respondWith(file(request));
  }
});
