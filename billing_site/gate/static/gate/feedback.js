// Sounds made here, and the telephone's shaking. Good rises, bad is low and long: told apart without looking.

let audio = null;

// Browsers are silent until somebody has touched the page.
export function allowSound() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  audio?.resume().catch(() => {});
}

function tone(frequency, from, seconds, shape) {
  const oscillator = new OscillatorNode(audio, { type: shape, frequency });
  const volume = new GainNode(audio, { gain: 0 });
  const start = audio.currentTime + from;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.35, start + 0.01);
  volume.gain.setTargetAtTime(0, start + seconds - 0.03, 0.02);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds + 0.1);
}

const SOUNDS = {
  good: [[880, 0, 0.12, "sine"], [1320, 0.12, 0.2, "sine"]],
  bad: [[196, 0, 0.22, "sawtooth"], [147, 0.28, 0.45, "sawtooth"]],
  ask: [[660, 0, 0.15, "sine"]],
};
const SHAKES = { good: [90], bad: [180, 90, 180, 90, 260], ask: [60, 60, 60] };

export function tell(tone_) {
  if (audio?.state === "running") {
    for (const part of SOUNDS[tone_]) {
      tone(...part);
    }
  }
  navigator.vibrate?.(SHAKES[tone_]);
}
