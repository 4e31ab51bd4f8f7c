// The countdown of a hold, said aloud now and then, and looking again while the order changes by itself.
(() => {
  "use strict";
  const order = document.querySelector("[data-order-status]");
  if (!order) return;

  const hold = document.getElementById("hold");
  if (hold) {
    // The buyer's clock may be wrong: only the difference to the server's moment of rendering counts.
    const drift = Date.parse(hold.dataset.now) - Date.now();
    const end = Date.parse(hold.dataset.expiresAt);
    const left = document.getElementById("left");
    const said = document.getElementById("left-said");
    const moments = [300, 120, 60, 30, 10];
    let last = Infinity;
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((end - Date.now() - drift) / 1000));
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      hold.classList.toggle("soon", seconds <= 60);
      const moment = moments.find((one) => seconds <= one && last > one && last !== Infinity);
      if (moment) {
        const amount = moment >= 120 ? `${moment / 60} ${hold.dataset.minutes}` : `${moment} ${hold.dataset.seconds}`;
        said.textContent = hold.dataset.say.replace("{}", amount);
      }
      last = seconds;
      if (seconds > 0) { setTimeout(tick, 1000 - ((Date.now() + drift) % 1000)); return; }
      said.textContent = hold.dataset.over;
      setTimeout(look, 1500);
    };
    tick();
  }

  let wait = 1000;
  async function look() {
    try {
      const answer = await fetch(order.dataset.stateUrl, { headers: { Accept: "application/json" } });
      if (answer.ok && (await answer.json()).version !== order.dataset.version) { location.reload(); return; }
    } catch (error) { /* Offline for a moment: look again later. */ }
    wait = Math.min(wait * 1.4, 8000);
    setTimeout(look, wait);
  }
  if ("moving" in order.dataset) setTimeout(look, wait);
})();
