// Makes the seat map comfortable: the list and the total, arrow keys, zoom, and seats that others take meanwhile.
// Without this file the checkboxes still work.
(() => {
  "use strict";
  const form = document.getElementById("reserve-form");
  const map = form && form.querySelector(".seatmap");
  if (!map) return;
  const box = form.querySelector(".mapbox");
  const limit = Number(form.dataset.limit);
  const seats = [...map.querySelectorAll("input[name=seat]")];
  const list = document.getElementById("chosen");
  const nothing = document.getElementById("nothing");
  const total = document.getElementById("total");
  const said = document.getElementById("said");
  const bar = document.getElementById("bar");
  const pesos = (amount) => "$" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
  const best = () => form.elements.how.value === "best";

  function show() {
    const chosen = seats.filter((seat) => seat.checked && !seat.disabled);
    list.replaceChildren(...chosen.map((seat) => {
      const line = document.createElement("li");
      line.append(seat.dataset.seat);
      const price = document.createElement("span");
      price.textContent = pesos(seat.dataset.price);
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "×";
      remove.setAttribute("aria-label", `${form.dataset.sayRemove} ${seat.dataset.seat}`);
      remove.addEventListener("click", () => { seat.checked = false; show(); });
      line.append(price, remove);
      return line;
    }));
    nothing.hidden = chosen.length > 0;
    let count = chosen.length;
    let sum = chosen.reduce((so, seat) => so + Number(seat.dataset.price), 0);
    let words = pesos(sum);
    if (best()) {
      count = Number(form.elements.quantity.value);
      const price = form.elements.section.selectedOptions[0].dataset.price;
      words = price ? pesos(count * Number(price)) : "–";
    }
    total.textContent = words;
    bar.hidden = best() || count === 0;
    document.getElementById("bar-count").textContent = `${count} ${count === 1 ? form.dataset.sayOne : form.dataset.sayMany}`;
    document.getElementById("bar-total").textContent = words;
    return chosen.length;
  }

  map.addEventListener("change", (event) => {
    said.textContent = "";
    if (show() > limit) {
      event.target.checked = false;
      said.textContent = form.dataset.sayLimit;
      show();
    }
  });
  ["how", "quantity", "section"].forEach((name) => form.addEventListener("change", (event) => {
    if (event.target.name === name) show();
  }));

  // One stop for Tab, arrows inside: 2,400 stops would keep a keyboard from ever reaching the form.
  // Measured when the first arrow is pressed: asking 2,400 seats where they are costs time at the start.
  let place = null;
  const measured = () => {
    place ||= new Map(seats.map((seat) => [seat, [seat.offsetLeft, seat.offsetTop]]));
    return place;
  };
  let current = seats.find((seat) => seat.checked) || seats.find((seat) => !seat.disabled);
  seats.forEach((seat) => { seat.tabIndex = -1; });
  if (current) current.tabIndex = 0;
  function moveTo(seat, focus) {
    if (current) current.tabIndex = -1;
    current = seat;
    current.tabIndex = 0;
    if (focus) current.focus();
  }
  function neighbour(from, along, across, direction) {
    const [x, y] = [measured().get(from)[along], measured().get(from)[across]];
    let found = null;
    let cost = Infinity;
    for (const [seat, spot] of place) {
      const ahead = (spot[along] - x) * direction;
      if (seat.disabled || ahead <= 0.5) continue;
      const price = ahead + 6 * Math.abs(spot[across] - y);
      if (price < cost) { cost = price; found = seat; }
    }
    return found;
  }
  map.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [0, 1, -1], ArrowRight: [0, 1, 1], ArrowUp: [1, 0, -1], ArrowDown: [1, 0, 1] }[event.key];
    if (!way || event.target.name !== "seat") return;
    event.preventDefault();
    const next = neighbour(event.target, ...way);
    if (next) moveTo(next, true);
  });
  map.addEventListener("focusin", (event) => { if (event.target.name === "seat") moveTo(event.target, false); });

  // Zoom keeps the middle of the view in the middle.
  let zoom = 1;
  function setZoom(value) {
    const x = (box.scrollLeft + box.clientWidth / 2) / map.offsetWidth;
    const y = (box.scrollTop + box.clientHeight / 2) / map.offsetHeight;
    zoom = Math.min(3, Math.max(0.08, value));
    map.style.setProperty("--zoom", zoom);
    box.scrollTo(x * map.offsetWidth - box.clientWidth / 2, y * map.offsetHeight - box.clientHeight / 2);
    place = null;
  }
  document.getElementById("summary").hidden = false;
  const tools = form.querySelector(".zoom");
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const kind = event.target.dataset.zoom;
    if (kind === "in") setZoom(zoom * 1.3);
    if (kind === "out") setZoom(zoom / 1.3);
    if (kind === "all") setZoom(zoom * Math.min(box.clientWidth / map.offsetWidth, box.clientHeight / map.offsetHeight));
  });
  if (map.offsetWidth > box.clientWidth) box.scrollLeft = (map.offsetWidth - box.clientWidth) / 2;
  form.querySelectorAll(".with-js").forEach((one) => { one.hidden = false; });

  // Seats that others took since the page was made. The browser sends the ETag and gets 304 while nothing changed.
  const takenLabel = (seat) => seat.getAttribute("aria-label").replace(/, [^,]*$/, `, ${form.dataset.sayTakenLabel}`);
  const freeLabels = new Map();
  function apply(taken) {
    const lost = [];
    for (const seat of seats) {
      const isTaken = taken.has(Number(seat.value));
      if (isTaken === seat.disabled) continue;
      if (isTaken) {
        if (seat.checked) lost.push(seat.dataset.seat);
        freeLabels.set(seat, seat.getAttribute("aria-label"));
        seat.setAttribute("aria-label", takenLabel(seat));
        seat.checked = false;
      } else {
        seat.setAttribute("aria-label", freeLabels.get(seat) || seat.getAttribute("aria-label").replace(/, [^,]*$/, `, ${pesos(seat.dataset.price)}`));
      }
      seat.disabled = isTaken;
    }
    if (lost.length) said.textContent = `${form.dataset.sayTaken} ${lost.join(", ")}`;
    show();
  }
  async function refresh() {
    if (!document.hidden) {
      try {
        const answer = await fetch(form.dataset.takenUrl, { cache: "no-cache", headers: { Accept: "application/json" } });
        if (answer.ok) apply(new Set((await answer.json()).taken));
      } catch (error) { /* Offline for a moment: the server checks every seat again anyway. */ }
    }
    setTimeout(refresh, 5000);
  }
  setTimeout(refresh, 5000);
  show();
  addEventListener("pageshow", show);
})();
