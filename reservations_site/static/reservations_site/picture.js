"use strict";
// Makes a picture of seats larger and smaller, within its own frame.
document.addEventListener("DOMContentLoaded", () => {
  for (const frame of document.querySelectorAll(".tf-frame")) {
    const svg = frame.querySelector("svg.tf-picture");
    const scroll = frame.querySelector(".tf-scroll");
    const tools = frame.querySelector(".tf-zoom");
    const widest = svg.style.maxWidth;
    let zoom = 1;
    let fitted = 0;
    const show = () => {
      svg.style.width = zoom === 1 ? "" : `${fitted * zoom}px`;
      svg.style.maxWidth = zoom === 1 ? widest : "none";
      svg.style.maxHeight = zoom === 1 ? "" : "none";
    };
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const kind = event.target.dataset.zoom;
      if (!kind) return;
      if (zoom === 1) fitted = svg.getBoundingClientRect().width;
      const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
      zoom = kind === "fit" ? 1 : Math.min(8, Math.max(1, kind === "in" ? zoom * 1.5 : zoom / 1.5));
      show();
      scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
    });
    window.addEventListener("resize", show);
  }
});
