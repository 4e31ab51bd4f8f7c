// The picture of a plan: every row is one SVG path a state, so that 20,000 seats are a few hundred shapes; real
// checkboxes stand over the seats in sight only. Zoom by wheel, pinch and buttons, pan by dragging or scrolling.
const SVG = "http://www.w3.org/2000/svg";
// A touch needs 24 px; a mouse is more exact.
const TARGET = 24;
const MOST = 64;
const SMALLEST_BOX = 14;
const MOST_BOXES = 1300;
// A shape for each price zone, so that colour is not needed to tell them apart.
export const SHAPES = [
  "m.1 .92v-.5q0-.34.34-.34h.12q.34 0 .34.34v.5z",
  "m.07 .5a.43.43 0 1 0 .86 0a.43.43 0 1 0-.86 0z",
  "m.1 .1h.8v.8h-.8z",
  "m.5 0l.5.5-.5.5-.5-.5z",
  "m.27 .1h.46l.23.4-.23.4h-.46l-.23-.4z",
  "m.5 .05l.46.36-.18.53h-.56l-.18-.53z",
];
const SOLD = "m.22 .34l.12-.12.16.16.16-.16.12.12-.16.16.16.16-.12.12-.16-.16-.16.16-.12-.12.16-.16z";
const HELD = "m.2 .42h.6v.16h-.6z";

export class View {
  constructor(plan, map, { toggle, say }) {
    Object.assign(this, { plan, map, toggle, say, box: map.parentElement, boxes: new Map(), current: null, pointers: new Map() });
    this.layer = document.createElement("div");
    map.append(this.layer);
    const drawn = map.querySelector("#drawn");
    for (const row of plan.rows) {
      row.paths = ["a", "r", "s"].map((state) => {
        const path = drawn.appendChild(document.createElementNS(SVG, "path"));
        path.setAttribute("class", state === "a" ? `seats p${row.section.zone % SHAPES.length}` : "seats gone");
        return path;
      });
    }
    this.fit();
    this.listen();
  }

  draw(rows = this.plan.rows) {
    for (const row of rows) {
      const shapes = { a: SHAPES[row.section.zone % SHAPES.length], r: HELD, s: SOLD };
      ["a", "r", "s"].forEach((state, at) => row.paths[at].setAttribute("d",
        row.seats.reduce((d, seat) => (seat.state === state ? `${d}M${seat.x} ${seat.y}${shapes[state]}` : d), "")));
    }
    this.refresh();
  }

  // Zoom

  get whole() {
    return Math.min(this.box.clientWidth / this.plan.width, this.box.clientHeight / this.plan.height, 40);
  }
  fit() { this.isWhole = true; this.zoom(this.whole); }
  zoom(unit, x, y) {
    const frame = this.box.getBoundingClientRect();
    const [atX, atY] = [x ?? frame.left + frame.width / 2, y ?? frame.top + frame.height / 2];
    const before = this.map.getBoundingClientRect();
    const [partX, partY] = [(atX - before.left) / before.width, (atY - before.top) / before.height];
    this.unit = Math.min(MOST, Math.max(this.whole, unit));
    this.isWhole = this.unit <= this.whole * 1.001;
    this.map.style.setProperty("--u", `${this.unit}px`);
    this.map.style.setProperty("--px", 1 / this.unit);
    this.map.classList.toggle("from-afar", this.unit < 10);
    this.box.classList.toggle("is-whole", this.isWhole);
    const after = this.map.getBoundingClientRect();
    this.box.scrollLeft += after.left + partX * after.width - atX;
    this.box.scrollTop += after.top + partY * after.height - atY;
    this.refresh();
  }
  show(x, y, unit = this.unit) {
    this.zoom(unit);
    this.box.scrollTo((x + .5) * this.unit - this.box.clientWidth / 2, (y + .5) * this.unit - this.box.clientHeight / 2);
    this.refresh();
  }
  showSection(section, focus) {
    const xs = section.seats.map((seat) => seat.x);
    const ys = section.seats.map((seat) => seat.y);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs) + 1, Math.min(...ys), Math.max(...ys) + 1];
    const unit = Math.min(this.box.clientWidth / (right - left + 3), this.box.clientHeight / (bottom - top + 3));
    this.show((left + right) / 2 - .5, (top + bottom) / 2 - .5, Math.max(unit, TARGET + 2));
    const first = section.seats.find((seat) => seat.state === "a");
    if (first && focus) this.moveTo(first, true);
  }

  // Checkboxes

  // Not while one is still zooming or scrolling.
  refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.place(), 100);
  }
  place() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    const [left, top] = [scrollLeft / this.unit, scrollTop / this.unit];
    const seen = this.plan.within(left, top, left + clientWidth / this.unit, top + clientHeight / this.unit);
    const wanted = new Set(this.unit >= SMALLEST_BOX && seen.length <= MOST_BOXES ? seen : []);
    this.plan.seats.forEach((seat) => { if (seat.chosen) wanted.add(seat); });
    this.current ||= this.plan.seats.find((seat) => seat.state === "a");
    if (this.current) wanted.add(this.current);
    for (const [seat, box] of this.boxes) {
      if (!wanted.has(seat)) { box.remove(); this.boxes.delete(seat); }
    }
    for (const seat of wanted) this.boxOf(seat);
  }
  boxOf(seat) {
    let box = this.boxes.get(seat);
    if (!box) {
      box = document.createElement("input");
      Object.assign(box, { type: "checkbox", name: "seat", value: seat.id, seat });
      box.className = `p${seat.section.zone % SHAPES.length}`;
      box.dataset.number = seat.number;
      box.dataset.seat = seat.name;
      box.style.left = `calc(var(--u) * ${seat.x + .5})`;
      box.style.top = `calc(var(--u) * ${seat.y + .5})`;
      this.boxes.set(seat, box);
      this.layer.append(box);
    }
    box.checked = seat.chosen;
    box.disabled = seat.state !== "a";
    box.tabIndex = seat === this.current ? 0 : -1;
    box.setAttribute("aria-label", this.say(seat));
    return box;
  }
  moveTo(seat, focus) {
    if (this.current) { const old = this.boxes.get(this.current); if (old) old.tabIndex = -1; }
    this.current = seat;
    const box = this.boxOf(seat);
    if (!focus) return;
    if (this.unit < TARGET) this.show(seat.x, seat.y, TARGET + 2);
    box.focus({ preventScroll: true });
    this.bringIn(seat);
  }
  bringIn(seat) {
    const [x, y] = [(seat.x + .5) * this.unit, (seat.y + .5) * this.unit];
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    const edge = this.unit * 1.5;
    if (x < scrollLeft + edge || x > scrollLeft + clientWidth - edge) this.box.scrollLeft = x - clientWidth / 2;
    if (y < scrollTop + edge || y > scrollTop + clientHeight - edge) this.box.scrollTop = y - clientHeight / 2;
    const frame = this.box.getBoundingClientRect();
    if (frame.top < 0 || frame.bottom > innerHeight) this.boxes.get(seat)?.scrollIntoView({ block: "nearest" });
  }

  // What people do

  listen() {
    const { box, layer } = this;
    box.addEventListener("scroll", () => this.refresh(), { passive: true });
    addEventListener("resize", () => this.zoom(this.isWhole ? this.whole : this.unit));
    layer.addEventListener("change", (event) => this.toggle(event.target.seat));
    layer.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) this.moveTo(event.target.seat, event.target.seat !== this.current || this.unit < TARGET);
    });
    layer.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("pointerdown", (event) => this.press(event));
    box.addEventListener("pointermove", (event) => this.drag(event));
    box.addEventListener("pointerup", (event) => this.release(event));
    box.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    // A page that is being scrolled goes on when the pointer comes over the map.
    let [scrolled, zoomed] = [0, 0];
    addEventListener("wheel", (event) => { if (!box.contains(event.target)) scrolled = event.timeStamp; }, { passive: true });
    box.addEventListener("wheel", (event) => {
      const goesOn = event.timeStamp - scrolled < 300 && event.timeStamp - zoomed > 300;
      if (!event.ctrlKey && (goesOn || event.shiftKey || (this.isWhole && event.deltaY > 0))) { scrolled = event.timeStamp; return; }
      event.preventDefault();
      zoomed = event.timeStamp;
      const lines = event.deltaMode ? 30 : 1;
      this.zoom(this.unit * Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 400), event.clientX, event.clientY);
    }, { passive: false });
  }
  key(event) {
    const seat = event.target.seat;
    const way = { ArrowLeft: ["x", "y", -1], ArrowRight: ["x", "y", 1], ArrowUp: ["y", "x", -1], ArrowDown: ["y", "x", 1] }[event.key];
    const free = seat.row.seats.filter((one) => one.state === "a");
    const next = way ? this.plan.neighbour(seat, ...way) : { Home: free[0], End: free[free.length - 1] }[event.key];
    if (way || next) event.preventDefault();
    if (next) this.moveTo(next, true);
    if (event.key === "Enter") { event.preventDefault(); this.toggle(seat); }
  }
  press(event) {
    if (event.button || this.pointers.size > 1) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, fromX: event.clientX, fromY: event.clientY });
    if (this.pointers.size > 1) this.pointers.forEach((pointer) => { pointer.moved = true; });
  }
  drag(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const other = [...this.pointers.values()].find((one) => one !== pointer);
    const before = other && Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const [stepX, stepY] = [event.clientX - pointer.x, event.clientY - pointer.y];
    const far = Math.hypot(event.clientX - pointer.fromX, event.clientY - pointer.fromY);
    if (!pointer.moved && far < (event.pointerType === "mouse" ? 4 : 10)) return;
    if (!pointer.moved) { pointer.moved = true; this.box.setPointerCapture(event.pointerId); }
    Object.assign(pointer, { x: event.clientX, y: event.clientY });
    this.box.scrollLeft -= other ? stepX / 2 : stepX;
    this.box.scrollTop -= other ? stepY / 2 : stepY;
    if (other) {
      const after = Math.hypot(pointer.x - other.x, pointer.y - other.y);
      if (before && after) this.zoom(this.unit * after / before, (pointer.x + other.x) / 2, (pointer.y + other.y) / 2);
    }
  }
  release(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (!pointer || pointer.moved) return;
    const frame = this.map.getBoundingClientRect();
    const [x, y] = [(event.clientX - frame.left) / this.unit, (event.clientY - frame.top) / this.unit];
    if (this.unit < (event.pointerType === "mouse" ? TARGET / 2 : TARGET)) { this.show(x - .5, y - .5, TARGET * 1.5); return; }
    const seat = this.plan.at(x, y);
    if (!seat || seat.state !== "a") return;
    this.toggle(seat);
    this.moveTo(seat, false);
    this.boxOf(seat).focus({ preventScroll: true });
  }
}
