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
    seat.setAttribute("aria-checked", String(on));
    if (on) chosen.add(seat);
    else chosen.delete(seat);
  };
  const read = () => {
    const wanted = new Set(field.value.toUpperCase().split(/[\s,;]+/));
    for (const seat of seats) choose(seat, wanted.has(seat.dataset.label.toUpperCase()));
    count();
  };

  // What a screen reader hears: "Platea, $25.000, fila C, asiento 12, libre".
  const zones = [...document.querySelectorAll("[data-zone]")];
  const prices = new Map(zones.map((zone) => [zone.dataset.zone, zone.dataset.price]));
  const words = document.getElementById("tf-words")?.dataset;
  const name = (seat) => {
    const parts = seat.dataset.label.split("-");
    const number = parts.pop();
    const status = ["available", "reserved", "sold", "blocked"].find((one) => seat.classList.contains(`tf-${one}`));
    const zone = [seat.dataset.section, prices.get(seat.dataset.section)].filter(Boolean).join(", ");
    seat.setAttribute("aria-label", `${zone}, ${words.row} ${parts.pop()}, ${words.seat} ${number}, ${words[status]}`);
  };

  if (field && "selectable" in svg.dataset) {
    // One seat is reached by Tab, the others by arrows; space chooses, and with shift all that one walks over.
    svg.setAttribute("role", "group");
    for (const seat of seats) {
      seat.setAttribute("role", "checkbox");
      seat.setAttribute("tabindex", "-1");
      name(seat);
    }
    seats[0]?.setAttribute("tabindex", "0");
    const places = seats.map((seat) => [Number(seat.getAttribute("cx")), Number(seat.getAttribute("cy"))]);
    const next = (from, dx, dy) => {
      let best = -1;
      let least = Infinity;
      for (let i = 0; i < places.length; i += 1) {
        const along = (places[i][0] - places[from][0]) * dx + (places[i][1] - places[from][1]) * dy;
        const aside = Math.abs((places[i][0] - places[from][0]) * dy) + Math.abs((places[i][1] - places[from][1]) * dx);
        if (along > 0.3 && along + 3 * aside < least) [best, least] = [i, along + 3 * aside];
      }
      return best;
    };
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    svg.addEventListener("focusin", (event) => {
      if (!event.target.classList.contains("tf-seat")) return;
      svg.querySelector('.tf-seat[tabindex="0"]')?.setAttribute("tabindex", "-1");
      event.target.setAttribute("tabindex", "0");
    });
    svg.addEventListener("keydown", (event) => {
      const seat = event.target;
      if (!seat.classList.contains("tf-seat") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " " && event.shiftKey) {
        chooseAll(seats.filter((one) => one.dataset.row === seat.dataset.row));
      } else if (event.key === " " || event.key === "Enter") {
        choose(seat, !chosen.has(seat));
        write();
      } else if (ways[event.key]) {
        const there = next(seats.indexOf(seat), ...ways[event.key]);
        if (event.shiftKey) choose(seat, true);
        if (there >= 0) {
          if (event.shiftKey) choose(seats[there], true);
          seats[there].focus();
        }
        if (event.shiftKey) write();
      } else return;
      event.preventDefault();
    });
    // All of them; when they are chosen already, none of them.
    const chooseAll = (some) => {
      const on = some.some((seat) => !chosen.has(seat));
      for (const seat of some) choose(seat, on);
      write();
    };
    for (const zone of zones) {
      zone.querySelector("button")?.addEventListener("click", () => {
        chooseAll(seats.filter((seat) => seat.dataset.section === zone.dataset.zone));
      });
    }
    field.addEventListener("input", read);
    document.getElementById("tf-clear").addEventListener("click", () => {
      for (const seat of [...chosen]) choose(seat, false);
      write();
    });
    svg.addEventListener("click", (event) => {
      if (dragged) return;
      if (event.target.classList.contains("tf-row")) chooseAll(seats.filter((seat) => seat.dataset.row === event.target.dataset.row));
      if (!event.target.classList.contains("tf-seat")) return;
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

  const legend = document.querySelector(".tf-zones");
  if (legend) {
    legend.hidden = false;
    legend.addEventListener("change", (event) => svg.classList.toggle("tf-by-zone", event.target.value === "zone"));
  }
  // The fields of a new zone are there for a new zone only.
  const zone = document.querySelector("[name=zone]");
  const fitted = () => {
    for (const part of document.querySelectorAll(".tf-new")) part.hidden = zone.value !== "";
  };
  zone?.addEventListener("change", fitted);
  if (zone) fitted();

  const live = document.querySelector(".tf-live");
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(page.dataset.state, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      for (const seat of seats) {
        const status = state.seats[seat.dataset.id];
        const kind = `tf-${status}`;
        if (!status || seat.classList.contains(kind)) continue;
        seat.classList.remove("tf-available", "tf-reserved", "tf-sold", "tf-blocked");
        seat.classList.add(kind);
        if (words && seat.hasAttribute("role")) name(seat);
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
