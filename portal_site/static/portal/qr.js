// A ticket's QR code over the whole screen, white, for a scanner: the screen does not go dark meanwhile, and whoever
// brings a family goes from one ticket to the next. Without this file the codes lead to the page of the ticket.
// A page that shows a code is kept in this browser, so that it opens without a network as well.
(() => {
  "use strict";
  const dialog = document.getElementById("qr-full");
  if (!dialog?.showModal) return;
  const by = (id) => document.getElementById(id);
  const codes = () => [...document.querySelectorAll("[data-qr]")];
  let at = 0;
  let lock = null;

  async function stayAwake() {
    try { lock = await navigator.wakeLock?.request("screen"); } catch (error) { lock = null; /* Low battery: it goes dark. */ }
    if (!dialog.open) sleep();
  }
  function sleep() { lock?.release(); lock = null; }

  function show(to) {
    const all = codes();
    at = (to + all.length) % all.length;
    by("qr-full-code").replaceChildren(all[at].querySelector("svg").cloneNode(true));
    by("qr-full-event").textContent = all[at].dataset.event;
    by("qr-full-seat").textContent = all[at].dataset.seat;
    by("qr-full-turn").hidden = all.length < 2;
    by("qr-full-count").textContent = `${at + 1} / ${all.length}`;
  }

  document.addEventListener("click", (event) => {
    const code = event.target.closest("[data-qr], [data-qr-open]");
    if (!code) return;
    event.preventDefault();
    show(Math.max(0, codes().indexOf(code)));
    dialog.showModal();
    stayAwake();
  });
  dialog.addEventListener("click", (event) => {
    const turn = event.target.closest("[data-turn]");
    if (turn) show(at + Number(turn.dataset.turn));
    if (event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (turn && codes().length > 1) show(at + turn);
  });
  dialog.addEventListener("close", sleep);
  async function keep() {
    if (!codes().length || !navigator.serviceWorker || !navigator.onLine) return;
    try {
      await navigator.serviceWorker.register(dialog.dataset.offlineUrl);
      const cache = await caches.open("tickets");
      const parts = [...document.querySelectorAll("link[href], script[src], img[src]")].map((part) => part.href || part.src);
      for (const one of [location.href.split("#")[0], ...parts]) if (!await cache.match(one, { ignoreVary: true })) await cache.add(one);
    } catch (error) { /* No room, or no secure connection: then it needs the network. */ }
  }
  const say = () => { by("no-network").hidden = navigator.onLine; };
  addEventListener("online", say);
  addEventListener("offline", say);
  document.addEventListener("shown-anew", keep);
  say();
  keep();
  // The system takes the lock away when the page is not seen.
  document.addEventListener("visibilitychange", () => { if (dialog.open && !document.hidden) stayAwake(); });
})();
