// The countdown of a hold. It counts to the server's moment by the server's clock, so that neither a reload nor a wrong
// clock changes it; a screen reader hears it twice.
(() => {
  "use strict";
  const hold = document.getElementById("hold");
  if (!hold) return;
  const end = Date.parse(hold.dataset.expiresAt);
  const left = document.getElementById("left");
  const said = document.getElementById("left-said");
  const moments = [120, 30];
  let drift = Date.parse(hold.dataset.now) - Date.now();
  let last = null;
  let timer;

  const secondsLeft = () => Math.max(0, Math.ceil((end - Date.now() - drift) / 1000));
  function tick() {
    clearTimeout(timer);
    if (!hold.isConnected) return;
    const seconds = secondsLeft();
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    hold.classList.toggle("soon", seconds <= 120);
    const moment = last !== null && moments.find((one) => seconds <= one && last > one);
    if (moment) {
      const amount = moment >= 120 ? `${moment / 60} ${hold.dataset.minutes}` : `${moment} ${hold.dataset.seconds}`;
      said.textContent = hold.dataset.say.replace("{}", amount);
    }
    last = seconds;
    if (seconds > 0) { timer = setTimeout(tick, 1000 - ((Date.now() + drift) % 1000)); return; }
    said.textContent = hold.dataset.over;
    document.dispatchEvent(new Event("hold-over"));
  }
  // A telephone that slept, or whose clock was set meanwhile, asks the server what time it is.
  async function again() {
    if (document.hidden || !last) return;
    try {
      const answer = await fetch(hold.dataset.stateUrl, { headers: { Accept: "application/json" } });
      if (answer.ok) drift = Date.parse((await answer.json()).now) - Date.now();
    } catch (error) { /* Offline for a moment: the old difference is good enough. */ }
    tick();
  }
  document.addEventListener("visibilitychange", again);
  tick();
})();
