// A second click while the first one is on its way does nothing; the server would know it as a copy anyway.
(() => {
  "use strict";
  document.querySelectorAll("form[method=post]").forEach((form) => {
    const button = form.querySelector("button[data-busy]");
    if (!button) return;
    const words = button.textContent;
    form.addEventListener("submit", (event) => {
      if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
      button.setAttribute("aria-disabled", "true");
      button.textContent = button.dataset.busy;
    });
    addEventListener("pageshow", () => {
      button.removeAttribute("aria-disabled");
      button.textContent = words;
    });
  });
})();
