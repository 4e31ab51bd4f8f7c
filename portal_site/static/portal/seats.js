// The seat map: choosing, the list and the total, and the seats that others take meanwhile. Without this file the
// page has a checkbox for every seat.
import { Plan } from "./seats-plan.js";
import { View } from "./seats-view.js";

const EVERY = 4000;
const form = document.getElementById("reserve-form");
const map = form.querySelector(".seatmap");
const words = form.dataset;
const by = (id) => document.getElementById(id);
const pesos = (amount) => "$" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const best = () => form.elements.how.value === "best";
const limit = Number(words.limit);
let plan, view, version = "", etag = "";

const place = (seat) => [seat.section.name, words.sayRow.replace("{}", seat.row.name), words.saySeat.replace("{}", seat.number)].filter(Boolean).join(", ");
const state = (seat) => (seat.chosen ? words.sayChosen : { a: words.sayFree, r: words.sayHeld, s: words.saySold }[seat.state]);
const label = (seat) => `${place(seat)}, ${pesos(seat.section.price)}, ${state(seat)}`;
const chosen = () => (plan ? plan.seats.filter((seat) => seat.chosen) : []);
const count = (number) => `${number} ${number === 1 ? words.sayOne : words.sayMany}`;

// Said aloud, and for warnings shown as well. The same sentence twice is said twice.
function announce(text, { shown = false, offer = null } = {}) {
  by("spoken").textContent = shown ? "" : text;
  const said = by("said");
  said.replaceChildren(shown ? text : "");
  if (!offer) return;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button small", textContent: `${words.sayTakeInstead} ${offer.name} · ${pesos(offer.section.price)}` });
  button.addEventListener("click", () => { if (offer.state === "a") toggle(offer, true); });
  said.append(" ", button);
}

function line(seat) {
  const item = document.createElement("li");
  const price = document.createElement("span");
  price.textContent = pesos(seat.section.price);
  const name = document.createElement("div");
  name.append(seat.name, Object.assign(document.createElement("small"), { textContent: place(seat) }));
  const remove = document.createElement("button");
  Object.assign(remove, { type: "button", textContent: "×" });
  remove.setAttribute("aria-label", `${words.sayRemove} ${place(seat)}`);
  remove.addEventListener("click", () => {
    toggle(seat, false);
    (by("chosen").querySelector("button") || by("summary")).focus();
  });
  item.append(name, price, remove);
  return item;
}

function show() {
  const seats = chosen();
  by("chosen").replaceChildren(...seats.map(line));
  by("nothing").hidden = seats.length > 0;
  const alone = plan ? plan.leftAlone(seats).filter((seat) => !seat.chosen) : [];
  by("alone").hidden = best() || !alone.length;
  by("alone-names").textContent = alone.map((seat) => seat.name).join(", ");
  let number = seats.length;
  let sum = pesos(seats.reduce((so, seat) => so + seat.section.price, 0));
  if (best()) {
    number = Number(form.elements.quantity.value);
    const price = form.elements.section.selectedOptions[0].dataset.price;
    sum = price ? pesos(number * Number(price)) : "–";
  }
  by("total").textContent = sum;
  by("bar").hidden = best() || number === 0;
  by("bar-count").textContent = count(number);
  by("bar-total").textContent = sum;
}

function toggle(seat, wanted = !seat.chosen) {
  if (wanted && chosen().length >= limit) announce(words.sayLimit, { shown: true });
  else {
    seat.chosen = wanted;
    const sum = chosen().reduce((so, one) => so + one.section.price, 0);
    announce(`${wanted ? words.sayAdded : words.sayDropped} ${place(seat)}. ${count(chosen().length)}, ${pesos(sum)}.`);
  }
  view.boxOf(seat);
  show();
}

// Letters of all seats, or the places of those that changed.
function apply({ states, changes }) {
  const lost = [];
  const rows = new Set();
  const set = (seat, letter) => {
    if (!seat || seat.state === letter) return;
    if (seat.chosen && letter !== "a") { seat.chosen = false; lost.push(seat); }
    seat.state = letter;
    rows.add(seat.row);
  };
  if (states) plan.inOrder.forEach((seat, at) => set(seat, states[at]));
  for (const [letter, places] of Object.entries(changes || {})) places.forEach((at) => set(plan.inOrder[at], letter));
  view.draw(rows);
  for (const free of form.querySelectorAll("[data-free]")) {
    const section = plan.sections.find((one) => one.id === Number(free.dataset.free));
    if (section) free.textContent = section.seats.filter((seat) => seat.state === "a").length;
  }
  if (lost.length) {
    const offer = lost.length === 1 ? plan.nearest(lost[0]) : null;
    announce(`${words.sayTaken} ${lost.map((seat) => seat.name).join(", ")}.`, { shown: true, offer });
  }
  show();
}

let timer, asking;
async function ask() {
  clearTimeout(timer);
  if (document.hidden || asking) return;
  asking = true;
  try {
    const headers = { Accept: "application/json", ...(etag && { "If-None-Match": etag }) };
    const answer = await fetch(`${words.statesUrl}?since=${version}`, { cache: "no-store", headers });
    if (answer.ok) {
      const told = await answer.json();
      if (told.states && told.states.length !== plan.inOrder.length) { location.reload(); return; }
      ({ version } = told);
      etag = answer.headers.get("ETag") || "";
      apply(told);
    }
  } catch (error) { /* Offline for a moment: the server checks every seat again anyway. */ }
  finally { asking = false; }
  timer = setTimeout(ask, EVERY * (.85 + .3 * Math.random()));
}

async function start() {
  try {
    const answer = await fetch(words.planUrl);
    if (!answer.ok) throw new Error(answer.status);
    plan = new Plan(await answer.json());
  } catch (error) { by("no-map").hidden = false; return; }
  view = new View(plan, map, { toggle, say: label });
  await ask();
  for (const id of (words.chosen || "").split(" ")) {
    const seat = plan.byId.get(Number(id));
    if (seat && seat.state === "a") { seat.chosen = true; view.current = seat; }
  }
  view.place();
  show();
  const tip = by("seat-tip");
  view.box.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse") return;
    const frame = map.getBoundingClientRect();
    const seat = plan.at((event.clientX - frame.left) / view.unit, (event.clientY - frame.top) / view.unit);
    tip.textContent = seat && view.unit >= 6 ? label(seat) : "";
    view.box.classList.toggle("over-seat", Boolean(seat && seat.state === "a" && view.unit >= 12));
  });
  view.box.addEventListener("pointerleave", () => { tip.textContent = ""; });
  const tools = form.querySelector(".zoom");
  tools.addEventListener("click", (event) => {
    const kind = event.target.dataset.zoom;
    if (kind === "all") view.fit();
    else if (kind) view.zoom(view.unit * (kind === "in" ? 1.5 : 1 / 1.5));
  });
  form.querySelectorAll("[data-go]").forEach((button) => button.addEventListener("click", (event) => {
    view.showSection(plan.sections.find((section) => section.id === Number(button.dataset.go)), event.detail === 0);
    map.scrollIntoView({ block: "nearest" });
  }));
  document.addEventListener("visibilitychange", ask);
  map.dataset.ready = "";
}

form.addEventListener("change", (event) => { if (["how", "quantity", "section"].includes(event.target.name)) show(); });
addEventListener("pageshow", (event) => { if (event.persisted && plan) ask(); show(); });
start();
