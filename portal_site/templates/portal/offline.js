// What keeps the tickets of this browser readable without a network: pages that a ticket was seen on (qr.js puts them
// there), and the sheets, scripts and pictures that they need. With a network, everything comes from it.
"use strict";
const NAME = "tickets";
const MOST = 40;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function answer(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreVary: true });
  let found;
  try { found = await fetch(request); } catch (error) { return kept || Response.error(); }
  if (kept && found.ok) await cache.put(request, found.clone());
  else if (kept && request.mode === "navigate" && found.status < 500) await cache.delete(request);
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - MOST)).map((key) => cache.delete(key)));
  // A portal that is down is no reason to stand at the gate without a ticket.
  return kept && found.status >= 500 ? kept : found;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const ours = new URL(request.url).origin === location.origin;
  if (ours && request.method === "GET" && (request.mode === "navigate" || ["style", "script", "image"].includes(request.destination))) {
    event.respondWith(answer(request));
  }
});
