// One gate on one device: it asks billing while there is a network, and decides by its list while there is none.

import { Camera } from "./camera.js";
import { Book, decide } from "./decide.js";
import { allowSound } from "./feedback.js";
import { Screen } from "./screen.js";
import { LoggedOut, Server } from "./server.js";
import { openStore } from "./store.js";

const EVERY = 6000;
const BATCH = 50;
const RECENT = 20;
const KEPT = 7 * 24 * 3600 * 1000;
const JUST_NOW = 30_000;

const config = JSON.parse(document.getElementById("config").textContent);
const element = (id) => document.getElementById(id);
const screen = new Screen(config);
const server = new Server(config.urls);

const COLUMNS = ["number", "ticket", "order", "status", "generation", "version", "place", "at", "gate"];
const asRow = (event, list) => ({ event, ...Object.fromEntries(COLUMNS.map((name, index) => [name, list[index]])) });

class Gate {
  constructor(store) {
    this.store = store;
    this.network = "online";
    this.book = null;
    this.marks = new Map();
    this.recent = [];
  }

  // What this device keeps, also when nobody answers.
  async load() {
    this.device = await this.store.setting("device");
    if (!this.device) {
      this.device = crypto.randomUUID();
      await this.store.set("device", this.device);
    }
    this.place = await this.store.setting("place");
    this.recent = (await this.store.setting("recent")) ?? [];
    await this.store.forget(new Date(Date.now() - KEPT).toISOString());
    this.entries = await this.store.entries();
    const about = await this.store.setting("list");
    if (about && this.place && about.key === this.place.event.key) {
      this.book = new Book(about, await this.store.tickets(about.key));
    }
    this.mark();
  }

  mark() {
    const here = this.entries.filter((entry) => entry.event.key === this.place?.event.key);
    this.marks = new Map(here.map((entry) => [entry.mark, entry]));
  }

  get unsent() {
    return this.entries.filter((entry) => !entry.sent);
  }

  async open(event, gate) {
    this.place = { event: { key: event.key, name: event.name }, gate };
    if (this.book?.key !== event.key) {
      this.book = null;
      this.recent = [];
      await this.store.set("recent", []);
    }
    await this.store.set("place", this.place);
    this.mark();
  }

  // One after the other, whoever asks: first what is owed to billing, then its news.
  synchronize() {
    this.running ??= this.exchange().finally(() => {
      this.running = null;
      this.draw();
    });
    return this.running;
  }

  async exchange() {
    try {
      await this.send();
      await this.refresh();
      this.network = "online";
    } catch (error) {
      this.network = error instanceof LoggedOut ? "logged_out" : "offline";
    }
  }

  async send() {
    const waiting = this.unsent.filter((entry) => !entry.problem);
    for (let first = 0; first < waiting.length; first += BATCH) {
      const batch = waiting.slice(first, first + BATCH);
      const results = await server.send(
        this.device,
        batch.map(({ id, event, gate, scanned_at, scanned_by, listed, number, ticket }) => ({
          id, event, gate, scanned_at, scanned_by, listed, ...(number ? { number } : { ticket }),
        })),
      );
      const outcomes = new Map(results.map((result) => [result.id, result.outcome]));
      for (const entry of batch) {
        const outcome = outcomes.get(entry.id);
        entry.problem = !outcome || ["invalid", "reused_id"].includes(outcome);
        Object.assign(entry, { outcome, sent: !entry.problem });
      }
      await this.store.change(batch);
    }
  }

  async refresh() {
    const { key } = this.place.event;
    const known = this.book?.key === key ? this.book : null;
    let found = await server.list(key, { since: known?.moment, tag: known?.tag });
    if (found.status === 404) {
      return;
    }
    if (known && !found.same && known.rows.size + this.unknown(found.answer, known) !== found.answer.total) {
      found = await server.list(key);
    }
    if (found.same) {
      known.checked = Date.now();
      await this.store.set("list", this.about(known));
      return;
    }
    const { answer } = found;
    const about = {
      key, tag: found.tag, moment: answer.moment, checked: Date.now(), keys: answer.keys, references: answer.event.references,
      admitsUnlisted: answer.admits_unlisted, counts: answer.counts, doubles: answer.doubles, you: answer.you,
    };
    const rows = answer.tickets.map((list) => asRow(key, list));
    await this.store.keep(about, rows, answer.whole);
    if (known && !answer.whole) {
      known.update(about, rows);
    } else {
      this.book = new Book(about, rows);
    }
  }

  about({ key, tag, moment, checked, keys, references, admitsUnlisted, counts, doubles, you }) {
    return { key, tag, moment, checked, keys, references, admitsUnlisted, counts, doubles, you };
  }

  unknown(answer, known) {
    return answer.tickets.filter(([number]) => !known.rows.has(number)).length;
  }

  // The answer to a scan; billing's where it can be had.
  async scan(what) {
    const id = crypto.randomUUID();
    const local = this.book ? await decide(what, this.book, this.marks, config.urls.noble) : { code: "no_list" };
    // Billing does not know yet whom this device let in: it must not be asked.
    if (local.mine && !local.mine.sent) {
      return local;
    }
    if (this.network === "online") {
      try {
        return await this.ask(id, what, local);
      } catch (error) {
        this.network = error instanceof LoggedOut ? "logged_out" : "offline";
      }
    }
    return local.code === "in" ? this.admit(id, local) : local;
  }

  async ask(id, what, local) {
    const { event, gate } = this.place;
    const answer = await server.scan({ id, device: this.device, gate, event, ...what });
    if (answer.choices.length === 0) {
      delete answer.choices;
    }
    if (answer.code === "in") {
      const mark = local.mark ?? this.book?.rows.get(answer.number)?.ticket;
      if (mark) {
        await this.remember({ ...this.entry(id, { ...local, mark }), number: answer.number, sent: true, outcome: "in" });
      }
      this.synchronize();
    }
    return answer;
  }

  // Kept on the device before anybody is let in.
  async admit(id, local) {
    if (await this.remember(this.entry(id, local))) {
      return local;
    }
    // Another window of this device was faster.
    this.entries = await this.store.entries();
    this.mark();
    const mine = this.marks.get(local.mark);
    return { code: "already_used", at: mine.scanned_at, gate: mine.gate, row: local.row, mine };
  }

  entry(id, { mark, row, ticket, listed = true }) {
    const { event, gate } = this.place;
    return {
      id, event, gate, mark, listed, number: row?.number ?? null, ticket: row ? null : ticket, place: row?.place ?? "",
      scanned_at: new Date().toISOString(), scanned_by: this.book?.you ?? "", sent: false, outcome: null,
    };
  }

  async remember(entry) {
    const added = await this.store.add(entry);
    if (added) {
      this.entries.push(entry);
      this.marks.set(entry.mark, entry);
    }
    return added;
  }

  async note(answer) {
    const place = answer.place || answer.row?.place || "";
    const row = { code: answer.code, listed: answer.listed, at: answer.at, gate: answer.gate, place, scanned_at: new Date().toISOString() };
    this.recent = [row, ...this.recent].slice(0, RECENT);
    await this.store.set("recent", this.recent);
  }

  draw() {
    if (!this.place) {
      return;
    }
    const book = this.book;
    const unsent = this.unsent;
    screen.state({ network: this.network, age: book ? Date.now() - book.checked : 0, unsent: unsent.length, loaded: book !== null });
    if (book) {
      const extra = unsent.filter((entry) => entry.event.key === book.key).length;
      screen.counts({ admitted: book.counts.admitted + extra, left: Math.max(0, book.counts.left - extra) });
      screen.doubles(book.doubles, this.device);
    }
    const problems = unsent.filter((entry) => entry.problem).length;
    screen.problem(problems ? screen.phrase("not_taken", { n: problems }) : "");
    screen.recent(this.recent);
  }
}

async function main() {
  let store;
  try {
    store = await openStore();
  } catch {
    screen.open("setup");
    element("setup-note").textContent = screen.phrase("no_storage");
    element("setup-note").hidden = false;
    return;
  }
  const gate = new Gate(store);
  await gate.load();
  navigator.storage?.persist?.();

  let busy = false;
  const scan = async (what) => {
    if (busy || !gate.place || element("gate-page").hidden) {
      return;
    }
    busy = true;
    try {
      const answer = await gate.scan(what);
      const shown = { ...answer, place: answer.place || answer.row?.place };
      shown.justNow = answer.code === "already_used" && answer.gate === gate.place.gate && Date.now() - new Date(answer.at) < JUST_NOW;
      if (answer.code !== "choose") {
        await gate.note(shown);
      }
      screen.answer(shown, (number) => scan({ number }));
      gate.draw();
    } finally {
      busy = false;
    }
  };

  const camera = new Camera(element("video"), config.urls.zxing, (text) => scan({ text }));
  const turnCamera = async () => {
    if (camera.isOn) {
      camera.stop();
    } else {
      await camera.start().catch((error) => {
        screen.problem(screen.phrase(error.name === "NotFoundError" ? "no_camera" : "camera_denied"));
      });
    }
    screen.camera(camera.isOn);
  };

  const start = () => {
    screen.open("gate");
    screen.where(gate.place.event, gate.place.gate);
    screen.camera(camera.isOn);
    gate.draw();
    gate.synchronize();
    navigator.wakeLock?.request("screen").catch(() => {});
  };

  const setup = async () => {
    camera.stop();
    screen.close();
    const kept = (await store.setting("events")) ?? [];
    const events = await server.events().then(({ events: fresh }) => fresh ?? kept).catch(() => kept);
    await store.set("events", events);
    screen.setup({ events, chosen: gate.place?.event.key, gate: gate.place?.gate });
    screen.open("setup");
    element("setup-form").onsubmit = async (submit) => {
      submit.preventDefault();
      allowSound();
      const event = events.find(({ key }) => key === element("event").value);
      const name = element("gate").value.trim();
      if (event && name) {
        await gate.open(event, name);
        start();
      }
    };
  };

  element("login").href = config.urls.login;
  element("change").addEventListener("click", setup);
  element("camera").addEventListener("click", turnCamera);
  element("scan").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = element("text").value.trim();
    element("text").value = "";
    if (text) {
      scan({ text });
    }
  });
  listenToScanner();
  document.addEventListener("pointerdown", allowSound);
  document.addEventListener("keydown", allowSound);
  window.addEventListener("online", () => gate.synchronize());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && gate.place && !element("gate-page").hidden) {
      navigator.wakeLock?.request("screen").catch(() => {});
      gate.synchronize();
    }
  });
  setInterval(() => element("gate-page").hidden || gate.synchronize(), EVERY);

  if (gate.place) {
    start();
  } else {
    await setup();
  }
}

// A hardware scanner types fast and ends with Enter, wherever the cursor stands: it goes into the field.
function listenToScanner() {
  const field = element("text");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      screen.close();
    }
    const typed = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    const elsewhere = !event.target.closest("input, select, dialog");
    if (element("gate-page").hidden || !elsewhere) {
      return;
    }
    if (typed) {
      event.preventDefault();
      field.value += event.key;
    } else if (event.key === "Enter" && field.value) {
      event.preventDefault();
      element("scan").requestSubmit();
    }
  });
}

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register(config.urls.worker, { scope: "/gate/" }).catch(() => {});
}
main();
