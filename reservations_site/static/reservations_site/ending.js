"use strict";
// The progress of a cancellation, asked for every two seconds until nothing is left.
document.addEventListener("DOMContentLoaded", () => {
  const part = document.querySelector(".tf-ending");
  if (!part || part.dataset.done === "true") return;
  const when = (name) => part.querySelector(`[data-when="${name}"]`);
  let timer = 0;
  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(part.dataset.progress, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await answer.json();
      part.querySelector("progress").value = found.percent;
      for (const cell of part.querySelectorAll("[data-count]")) cell.textContent = found[cell.dataset.count];
      when("lost").hidden = true;
      if (!found.done) return;
      when("going").hidden = true;
      when("done").hidden = false;
      clearInterval(timer);
    } catch {
      when("lost").hidden = false;
    }
  };
  timer = setInterval(ask, 2000);
});
