"use strict";
// The page of an event's seats: choosing seats by tap, key or rectangle, and the state as it is now.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector(".tf-seats");
  const svg = document.querySelector("svg.tf-picture");
  if (!page || !svg) return;
  const seats = [...svg.querySelectorAll(".tf-seat")];
  const field = document.querySelector("[name=labels]");
  const chosen = new Set();

  const count = () => {
    document.querySelector(".tf-chosen").textContent = chosen.size ? `(${chosen.size})` : "";
    document.getElementById("tf-clear").hidden = chosen.size === 0;
    document.querySelector(".tf-block").classList.toggle("tf-sticky", chosen.size > 0);
  };
  const write = () => {
    field.value = seats.filter((seat) => chosen.has(seat)).map((seat) => seat.dataset.label).join(", ");
    count();
  };
  const choose = (seat, on) => {
    seat.classList.toggle("tf-on", on);
    if (on) chosen.add(seat);
    else chosen.delete(seat);
  };
  const read = () => {
    const wanted = new Set(field.value.toUpperCase().split(/[\s,;]+/));
    for (const seat of seats) choose(seat, wanted.has(seat.dataset.label.toUpperCase()));
    count();
  };

  if (field && "selectable" in svg.dataset) {
    field.addEventListener("input", read);
    document.getElementById("tf-clear").addEventListener("click", () => {
      for (const seat of [...chosen]) choose(seat, false);
      write();
    });
    svg.addEventListener("click", (event) => {
      if (!event.target.classList.contains("tf-seat") || dragged) return;
      choose(event.target, !chosen.has(event.target));
      write();
    });
    let start = null;
    let dragged = false;
    let frame = null;
    const point = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    svg.addEventListener("pointerdown", (event) => {
      dragged = false;
      // A finger scrolls; only a mouse draws rectangles.
      if (event.pointerType === "mouse" && event.button === 0) start = point(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!start) return;
      const now = point(event);
      if (!frame && Math.hypot(now.x - start.x, now.y - start.y) < 0.6) return;
      if (!frame) {
        dragged = true;
        svg.setPointerCapture(event.pointerId);
        frame = document.createElementNS(svg.namespaceURI, "rect");
        frame.setAttribute("class", "tf-rubber");
        svg.append(frame);
      }
      frame.setAttribute("x", Math.min(start.x, now.x));
      frame.setAttribute("y", Math.min(start.y, now.y));
      frame.setAttribute("width", Math.abs(now.x - start.x));
      frame.setAttribute("height", Math.abs(now.y - start.y));
    });
    window.addEventListener("pointerup", (event) => {
      if (frame) {
        const now = point(event);
        const inside = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
        for (const seat of seats) {
          const at = [Number(seat.getAttribute("cx")), Number(seat.getAttribute("cy"))];
          if (inside(at[0], start.x, now.x) && inside(at[1], start.y, now.y)) choose(seat, true);
        }
        frame.remove();
        frame = null;
        write();
      }
      start = null;
    });
    read();
  }

  const live = document.querySelector(".tf-live");
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(page.dataset.state, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      for (const seat of seats) {
        const status = state.seats[seat.dataset.id];
        const name = `tf-${status}`;
        if (!status || seat.classList.contains(name)) continue;
        seat.classList.remove("tf-available", "tf-reserved", "tf-sold", "tf-blocked");
        seat.classList.add(name);
      }
      for (const row of state.occupancy) {
        const line = page.querySelector(`[data-section="${row.id}"]`);
        if (!line) continue;
        for (const cell of line.querySelectorAll("[data-count]")) cell.textContent = row[cell.dataset.count];
        for (const bar of line.querySelectorAll("[data-share]")) bar.style.width = `${row.shares[bar.dataset.share]}%`;
      }
      live.hidden = false;
    } catch {
      live.hidden = true;
    }
  };
  refresh();
  setInterval(refresh, 4000);
});
