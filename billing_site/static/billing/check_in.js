// The page works without this. It keeps the cursor where the scanner types, and sends a scan only once.
"use strict";

const form = document.querySelector("form[data-scan]");
const input = document.getElementById("id_text");

function ready() {
  const active = document.activeElement;
  const elsewhere = active && active !== document.body && active !== input;
  if (!elsewhere && !document.querySelector(".gate-where[open]")) {
    input.focus();
  }
}

let sent = false;
form.addEventListener("submit", (event) => {
  if (sent) {
    event.preventDefault();
  }
  sent = true;
});
window.addEventListener("pageshow", () => {
  sent = false;
});

// Typing anywhere on the page goes into the field: a scanner does not click first.
document.addEventListener("keydown", (event) => {
  const typing = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (typing && (document.activeElement === document.body || document.activeElement === null)) {
    input.focus();
  }
});
window.addEventListener("focus", ready);
ready();

const answer = document.querySelector("[data-answer]");
if (answer && navigator.vibrate) {
  navigator.vibrate(answer.dataset.answer === "in" ? 80 : [120, 80, 120, 80, 120]);
}
