// What is shown: it knows the page's elements and the words, and decides nothing.

import { tell } from "./feedback.js";

const GREEN_STAYS = 3500;
const ICONS = { good: "✓", bad: "✕", ask: "?" };
const element = (id) => document.getElementById(id);

const filled = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

function show(target, text) {
  target.textContent = text;
  target.hidden = !text;
}

export class Screen {
  constructor(config) {
    this.config = config;
    this.texts = config.texts;
    this.clock = new Intl.DateTimeFormat(config.language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: config.time_zone });
    this.day = new Intl.DateTimeFormat(config.language, { dateStyle: "medium", timeStyle: "short", timeZone: config.time_zone });
    element("answer-close").addEventListener("click", () => this.close());
    element("answer").addEventListener("click", (event) => event.target.closest("button, ul") || this.close());
    element("doubles").addEventListener("click", () => element("doubles-panel").showModal());
  }

  phrase(name, values = {}) {
    return filled(this.texts.phrases[name], values);
  }

  time(moment) {
    return moment ? this.clock.format(new Date(moment)) : "—";
  }

  open(page) {
    element("setup").hidden = page !== "setup";
    element("gate-page").hidden = page !== "gate";
  }

  setup({ events, chosen, gate }) {
    const select = element("event");
    select.replaceChildren(
      ...events.map((event) => {
        const when = event.starts_at ? this.day.format(new Date(event.starts_at)) : this.phrase("no_date");
        return new Option(`${event.name} · ${when}`, event.key, false, event.key === chosen);
      }),
    );
    element("gate").value = gate ?? "";
    show(element("setup-note"), events.length ? "" : this.phrase("no_events"));
  }

  where(event, gate) {
    element("event-name").textContent = event.name;
    element("gate-name").textContent = gate;
  }

  // The connection and the list's age, always with words.
  state({ network, age, unsent, loaded }) {
    const minutes = Math.floor(age / 60_000);
    const old = loaded && minutes >= this.config.warn_minutes;
    const words = [this.phrase(network)];
    if (loaded && (network !== "online" || old)) {
      const name = minutes < 1 ? "list_age_now" : minutes < 60 ? "list_age" : "list_age_hours";
      words.push(this.phrase(name, { n: name === "list_age_hours" ? minutes % 60 : minutes, h: Math.floor(minutes / 60) }));
    } else if (!loaded) {
      words.push(this.phrase("loading"));
    }
    const target = element("network");
    const text = `${old ? "⚠ " : ""}${words.join(" · ")}`;
    if (target.textContent !== text) {
      target.textContent = text;
    }
    Object.assign(target.dataset, { network, old, loaded });
    element("login").hidden = network !== "logged_out";
    element("unsent").dataset.unsent = unsent;
    show(element("unsent"), unsent ? this.phrase(unsent === 1 ? "pending_one" : "pending", { n: unsent }) : "");
  }

  counts({ admitted, left }) {
    element("admitted").textContent = admitted;
    element("left").textContent = left;
    Object.assign(element("progress"), { max: admitted + left || 1, value: admitted });
  }

  doubles({ count, latest }, device) {
    const button = element("doubles");
    button.dataset.doubles = count;
    show(button, count ? `⚠ ${this.phrase(count === 1 ? "doubles_one" : "doubles", { n: count })}` : "");
    element("doubles-list").replaceChildren(
      ...latest.map((double) => {
        const item = document.createElement("li");
        const gate = double.gate + (double.device === device ? ` (${this.phrase("this_device")})` : "");
        const line = this.phrase("double_line", { why: this.texts.why[double.outcome], gate, time: this.time(double.at) });
        const first = double.first && { gate: double.first.gate || this.phrase("no_gate"), time: this.time(double.first.at) };
        const place = document.createElement("strong");
        place.textContent = double.place;
        item.append(place, ...[line, first && this.phrase("first_line", first)].filter(Boolean).map((text) => {
          const paragraph = document.createElement("p");
          paragraph.textContent = text;
          return paragraph;
        }));
        return item;
      }),
    );
  }

  problem(text) {
    show(element("problem"), text);
  }

  camera(on) {
    const button = element("camera");
    button.textContent = this.phrase(on ? "camera_on" : "camera_off");
    button.setAttribute("aria-pressed", on);
    element("video").hidden = element("aim").hidden = !on;
  }

  words(answer) {
    let [headline, detail] = this.texts.answers[answer.code];
    if (answer.code === "in" && answer.listed === false) {
      [headline, detail] = this.texts.answers.in_unlisted;
    }
    if (answer.code === "already_used") {
      if (!answer.at) {
        [headline, detail] = this.texts.answers.already_used_somewhere;
      } else if (answer.justNow) {
        detail = this.phrase("twice_here");
      }
      detail = filled(detail, { time: this.time(answer.at), gate: answer.gate || this.phrase("no_gate") });
    }
    if (answer.code === "other_event" && answer.event) {
      detail = answer.event;
    }
    return { headline, detail };
  }

  // Over the whole screen: colour, sign, words, sound and shaking say the same.
  answer(answer, onChoice) {
    const tone = answer.code === "in" ? "good" : answer.code === "choose" ? "ask" : "bad";
    const { headline, detail } = this.words(answer);
    const page = element("answer");
    page.dataset.tone = tone;
    page.dataset.answer = answer.code;
    element("answer-icon").textContent = ICONS[tone];
    element("answer-headline").textContent = headline;
    show(element("answer-detail"), detail);
    show(element("answer-place"), answer.place ?? "");
    show(element("answer-holder"), answer.holder ?? "");
    element("answer-choices").replaceChildren(...(answer.choices ?? []).map((choice) => this.choice(choice, onChoice)));
    page.hidden = false;
    clearTimeout(this.closing);
    this.closing = tone === "good" ? setTimeout(() => this.close(), GREEN_STAYS) : null;
    // Emptied first: the same sentence twice is to be heard twice.
    element("spoken").textContent = "";
    requestAnimationFrame(() => {
      element("spoken").textContent = [headline, detail, answer.place].filter(Boolean).join(". ");
    });
    tell(tone);
    if (answer.choices) {
      page.querySelector(".choices button")?.focus();
    }
  }

  choice(choice, onChoice) {
    const item = document.createElement("li");
    const words = document.createElement("span");
    words.textContent = `${choice.place} · ${this.texts.statuses[choice.status]}`;
    item.append(words);
    if (choice.status === "PAID") {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: this.phrase("let_in") });
      button.setAttribute("aria-label", `${this.phrase("let_in")}: ${choice.place}`);
      button.addEventListener("click", () => onChoice(choice.number));
      item.append(button);
    }
    return item;
  }

  close() {
    clearTimeout(this.closing);
    element("answer").hidden = true;
  }

  recent(rows) {
    element("recent").replaceChildren(
      ...rows.map((row) => {
        const item = document.createElement("li");
        item.dataset.tone = row.code === "in" ? "good" : "bad";
        const sign = Object.assign(document.createElement("span"), { className: "sign", textContent: ICONS[item.dataset.tone] });
        sign.setAttribute("aria-hidden", "true");
        const what = Object.assign(document.createElement("span"), { className: "what" });
        what.append(Object.assign(document.createElement("strong"), { textContent: this.words(row).headline }), ` ${row.place ?? ""}`);
        const when = Object.assign(document.createElement("time"), { textContent: this.time(row.scanned_at) });
        item.append(sign, what, when);
        return item;
      }),
    );
  }
}
