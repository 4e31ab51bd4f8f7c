// The telephone's camera: by the browser's own reader where it has one, else by the one that is bundled.

const PAUSE = 110;
const WIDEST = 960;
// A code that stays before the camera is read once; it must be away for this long to be read again.
const GONE_AFTER = 1500;

async function makeReader(zxing) {
  if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? "";
  }
  const { prepareZXingModule, readBarcodes } = await import(`${zxing}/reader/index.js`);
  await prepareZXingModule({ overrides: { locateFile: (name) => `${zxing}/${name}` }, fireImmediately: true });
  const canvas = document.createElement("canvas");
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, WIDEST / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    drawing.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = drawing.getImageData(0, 0, canvas.width, canvas.height);
    const found = await readBarcodes(picture, { formats: ["QRCode"], maxNumberOfSymbols: 1 });
    return found.find((code) => code.isValid)?.text ?? "";
  };
}

export class Camera {
  constructor(video, zxing, onRead) {
    this.video = video;
    this.zxing = zxing;
    this.onRead = onRead;
    this.stream = null;
  }

  get isOn() {
    return this.stream !== null;
  }

  // Throws what getUserMedia throws: NotAllowedError, NotFoundError…
  async start() {
    const wanted = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
    const [stream, read] = await Promise.all([
      navigator.mediaDevices.getUserMedia({ video: wanted, audio: false }),
      (this.reader ??= makeReader(this.zxing)),
    ]);
    this.stream = stream;
    this.video.srcObject = stream;
    await this.video.play();
    this.watch(stream, read);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  async watch(stream, read) {
    let last = "";
    let seenAt = 0;
    while (this.stream === stream) {
      const ready = this.video.readyState >= 2 && !document.hidden;
      const text = ready ? await read(this.video).catch(() => "") : "";
      const now = performance.now();
      if (text && (text !== last || now - seenAt > GONE_AFTER)) {
        this.onRead(text);
      }
      if (text) {
        [last, seenAt] = [text, now];
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
