// Looks again while what the page shows changes by itself, and shows what became of it, without a reload.
(() => {
  "use strict";
  let shown = document.querySelector("[data-live]");
  if (!shown) return;
  const said = document.getElementById("live-said");

  // The page as it is now takes the place of what is shown, without a jump; a browser that cannot simply reloads.
  async function showAnew(answer) {
    const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page && page.querySelector("[data-live]");
    if (!found || found.querySelector("form")) { location.reload(); return; }
    if (found.dataset.version !== shown.dataset.version) {
      const focused = shown.contains(document.activeElement) && document.activeElement.getAttribute("href");
      shown.querySelectorAll("details[open]").forEach((one, at) => found.querySelectorAll("details")[at]?.setAttribute("open", ""));
      shown.replaceWith(found);
      shown = found;
      if (focused) shown.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
      said.textContent = shown.querySelector("[data-say]")?.textContent || "";
      document.dispatchEvent(new Event("shown-anew"));
      wait = 1000;
    }
    again();
  }

  let wait = 1000;
  let timer;
  function again(soon) {
    clearTimeout(timer);
    if (!soon && !("moving" in shown.dataset)) return;
    timer = setTimeout(look, soon || wait);
    wait = Math.min(wait * 1.4, 8000);
  }
  // The state is a few bytes; a page without one is asked for itself.
  async function look() {
    try {
      const { stateUrl, version } = shown.dataset;
      const answer = stateUrl && await fetch(stateUrl, { headers: { Accept: "application/json" } });
      if (!stateUrl || (answer.ok && (await answer.json()).version !== version)) {
        await showAnew(await fetch(location.href, { headers: { Accept: "text/html" } }));
        return;
      }
    } catch (error) { /* Offline for a moment: look again later. */ }
    again();
  }
  again();
  document.addEventListener("hold-over", () => { shown.dataset.moving = ""; again(1500); });
})();
