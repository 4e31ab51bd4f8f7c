"use strict";
// The room's counters and chart, asked for every three seconds while somebody looks.
document.addEventListener("DOMContentLoaded", () => {
  const part = document.getElementById("tf-room-live");
  const lost = document.getElementById("tf-room-lost");
  if (!part) return;
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(part.dataset.url, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      const open = [...part.querySelectorAll("details")].map((one) => one.open);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Whoever reads the numbers with the keyboard is not thrown out of them.
      if (part.contains(document.activeElement)) return;
      part.replaceChildren(...page.body.childNodes);
      part.querySelectorAll("details").forEach((one, at) => { one.open = open[at] || false; });
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }, 3000);
});
