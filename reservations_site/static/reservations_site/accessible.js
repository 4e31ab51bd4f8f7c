// What Django's admin lacks of WCAG 2.2 AA and only a script can add. The same file stands in the other site's desk.
"use strict";

// A part that scrolls can be scrolled with the keyboard too, and says what it is; one that fits is no stop on the way.
const SCROLLS = ".table-scroll, .chart-scroll, #changelist .results, .inline-group, pre";

function nameOf(part) {
  const heading = part.closest("section, figure, body").querySelector("h1, h2");
  return (heading && heading.textContent.trim()) || document.title;
}

// What is in it is watched too: it may grow while the part itself keeps its size.
const sizes = new ResizeObserver((entries) => {
  for (const target of new Set(entries.map((entry) => entry.target.closest(SCROLLS)))) {
    if (target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight) {
      target.setAttribute("aria-label", nameOf(target));
      target.setAttribute("role", "region");
      target.tabIndex = 0;
    } else {
      target.removeAttribute("tabindex");
      target.removeAttribute("role");
      target.removeAttribute("aria-label");
    }
  }
});
for (const part of document.querySelectorAll(SCROLLS)) {
  if (part.hasAttribute("tabindex")) continue;
  for (const watched of [part, ...part.children]) sizes.observe(watched);
}

// Django's own scripts make the pickers of many when the page has loaded; they are mended right after.
window.addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) {
    icon.setAttribute("role", "img");
  }
});
