// Keeps the place up to date from counters that are the same for everybody, as often as the server says, and goes in when
// the turn has come. A screen reader hears of the place seldom: at round numbers, and when something else changes.
(() => {
  "use strict";
  const room = document.getElementById("room");
  if (!room) return;
  const { dataset } = room;
  const { phase } = dataset;
  if (phase === "out" || phase === "over") return;
  const number = Number(dataset.number);
  const opens = Date.parse(dataset.opensAt);
  const drift = Date.parse(dataset.now) - Date.now();
  const said = document.getElementById("live-said");
  const part = (name) => room.querySelector(`[data-${name}]`);
  const milestones = [5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 3, 2, 1];
  let state = dataset.state;
  let soldOut = Boolean(dataset.soldOut);
  let place = null;
  let timer;

  const set = (name, text) => { const found = part(name); if (found && found.textContent !== text) found.textContent = text; };
  const say = (text) => { said.textContent = text; };
  const later = (seconds, what) => { clearTimeout(timer); timer = setTimeout(what, 1000 * seconds); };
  // Not all in the same second: the server says over how many.
  // Whose turn has come says so: nginx lets that one pass those who wait.
  const goOn = (spread, query = "") => later(Math.random() * spread, () => location.replace(location.pathname + query));

  function estimate(minutes) {
    if (minutes < 2) return dataset.soon;
    if (minutes < 90) return dataset.minutes.replace("{}", minutes < 15 ? Math.round(minutes) : 5 * Math.round(minutes / 5));
    const hours = Math.round(minutes / 60);
    return hours === 1 ? dataset.hour : dataset.hours.replace("{}", hours);
  }
  function countdown() {
    const left = Math.ceil((opens - Date.now() - drift) / 1000);
    if (left <= 0 || state !== "before") { set("countdown", ""); return; }
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const two = (one) => String(one).padStart(2, "0");
    set("countdown", dataset.opensIn.replace("{}", left < 86400 ? `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds)}` : `${Math.floor(left / 86400)} d`));
    setTimeout(countdown, 1000);
  }
  function show(found) {
    const ahead = number - found.door;
    const before = ahead - 1;
    set("place", String(ahead));
    set("before-me", before > 1 ? dataset.manyBefore.replace("{}", before) : before === 1 ? dataset.oneBefore : dataset.next);
    set("estimate", estimate(ahead / found.rate));
    const stands = found.state === "paused" || found.sold_out;
    part("estimate-line").hidden = stands;
    room.querySelector('[data-when="paused"]').hidden = found.state !== "paused";
    room.querySelector('[data-when="sold_out"]').hidden = found.state === "paused" || !found.sold_out;
    room.querySelector("progress").value = found.door;
    document.title = document.title.replace(/^(\(\d+\) )?/, `(${ahead}) `);
    const passed = place !== null && milestones.find((one) => ahead <= one && place > one);
    if (found.state !== state) say(found.state === "paused" ? dataset.sayPaused : dataset.sayOpen);
    else if (found.sold_out !== soldOut) say(found.sold_out ? dataset.saySoldOut : dataset.sayOpen);
    else if (passed) say(dataset.sayPlace.replace("{}", ahead));
    [place, state, soldOut] = [ahead, found.state, found.sold_out];
  }
  function interval(found) {
    const ahead = number ? number - found.door : found.waiting;
    const [, seconds] = found.poll.find(([most]) => most === null || ahead <= most) || [null, 30];
    const left = (opens - Date.now() - drift) / 1000;
    // Up to a fifth more, so that they do not come together; and soon after the opening.
    const wait = seconds * (1 + Math.random() / 5);
    return found.state === "before" && left > 0 ? Math.min(wait, left + 1 + Math.random()) : wait;
  }
  async function look() {
    let wait = 10;
    try {
      const answer = await fetch(dataset.stateUrl, { credentials: "omit" });
      if (answer.ok) {
        const found = await answer.json();
        if (found.state === "none" || found.state === "over") { goOn(3); return; }
        set("waiting", String(found.waiting));
        if (phase === "before" && found.state !== "before") { say(dataset.sayOpened); goOn(found.spread); return; }
        if (phase === "door" && found.state !== state) { goOn(3); return; }
        if (number) {
          if (number <= found.door) { say(dataset.sayTurn); goOn(1, "?turno=1"); return; }
          show(found);
        }
        wait = interval(found);
      }
    } catch (error) { /* Offline for a moment: look again later. */ }
    later(wait, look);
  }
  // A telephone that slept looks at once.
  document.addEventListener("visibilitychange", () => { if (!document.hidden && phase !== "numbering") later(Math.random(), look); });
  if (phase === "before" || phase === "door") countdown();
  if (phase === "numbering") goOn(2.5); else look();
})();
