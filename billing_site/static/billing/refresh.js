// Parts of a page that are fetched anew every few seconds; they rest while nobody looks.
for (const part of document.querySelectorAll("[data-refresh]")) {
  const pause = Number(part.dataset.refresh) * 1000;
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(refresh, pause);
  };
  const refresh = async () => {
    try {
      const answer = await fetch(part.dataset.refreshUrl, { headers: { Accept: "text/html" }, redirect: "error" });
      const text = await answer.text();
      // Not under the fingers of who is about to press a button in it.
      if (answer.ok && !part.contains(document.activeElement)) part.innerHTML = text;
      part.classList.toggle("stale", !answer.ok);
    } catch {
      part.classList.add("stale");
    }
    again();
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  again();
}
