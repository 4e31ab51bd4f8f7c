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

// A telephone's own camera, where the browser can read codes. It stays on from one scan to the next.
const camera = document.querySelector("[data-camera]");
const KEEP = "billing.camera";

async function watch(video, detector) {
  const shown = answer ? sessionStorage.getItem("billing.seen") : null;
  const look = async () => {
    if (video.hidden || sent) {
      return;
    }
    const codes = video.readyState >= 2 ? await detector.detect(video).catch(() => []) : [];
    const text = codes.length ? codes[0].rawValue : "";
    // The code that was just answered is still before the camera: it is not sent again.
    if (text && text !== shown) {
      sessionStorage.setItem("billing.seen", text);
      input.value = text;
      form.requestSubmit();
      return;
    }
    setTimeout(look, 150);
  };
  look();
}

async function turnOn(button, video) {
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    sessionStorage.removeItem(KEEP);
    return;
  }
  video.hidden = false;
  button.setAttribute("aria-pressed", "true");
  sessionStorage.setItem(KEEP, "on");
  await video.play();
  watch(video, new BarcodeDetector({ formats: ["qr_code"] }));
}

function turnOff(button, video) {
  for (const track of video.srcObject.getTracks()) {
    track.stop();
  }
  video.hidden = true;
  button.setAttribute("aria-pressed", "false");
  sessionStorage.removeItem(KEEP);
}

if (camera && "BarcodeDetector" in window && navigator.mediaDevices) {
  const button = camera.querySelector("button");
  const video = camera.querySelector("video");
  camera.hidden = false;
  button.addEventListener("click", () => (video.hidden ? turnOn(button, video) : turnOff(button, video)));
  if (sessionStorage.getItem(KEEP)) {
    turnOn(button, video);
  }
}
