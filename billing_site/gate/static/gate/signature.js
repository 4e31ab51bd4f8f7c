// A ticket's QR text: TF1.<key id>.<payload>.<signature>, as billing_site/tickets/signing.py writes it.

const PREFIX = "TF1";
const MAX_LENGTH = 2000;
const WRONG_KEYBOARD = { "'": "-", "?": "_", "´": "-" };

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

function fromUrl(text) {
  if (!/^[\w-]*$/.test(text)) {
    throw new Error("no base64url");
  }
  return bytes(text.replaceAll("-", "+").replaceAll("_", "/"));
}

// A scanner that types as on an English keyboard into a Spanish or Latin American one.
export const retyped = (text) => text.replace(/['?´]/g, (letter) => WRONG_KEYBOARD[letter]);

export const isQr = (text) => text.startsWith(`${PREFIX}.`);

export async function digest(text) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 20);
}

async function isGenuine(signature, message, key, noble) {
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    // This browser does not know Ed25519.
    const { verifyAsync } = await import(noble);
    return verifyAsync(signature, message, key, { zip215: false });
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

// What a genuine QR says, or {problem: "forged" | "unknown_key"}. `keys`: public keys in base64 by their id.
export async function read(text, keys, noble) {
  const parts = text.split(".");
  if (parts.length !== 4 || parts[0] !== PREFIX || text.length > MAX_LENGTH) {
    return { problem: "forged" };
  }
  const [, keyId, payload, signature] = parts;
  if (!Object.hasOwn(keys, keyId)) {
    return { problem: "unknown_key" };
  }
  try {
    const message = new TextEncoder().encode(`${PREFIX}.${keyId}.${payload}`);
    if (!(await isGenuine(fromUrl(signature), message, bytes(keys[keyId]), noble))) {
      return { problem: "forged" };
    }
    const [ticket, event, seat, generation, version] = JSON.parse(new TextDecoder().decode(fromUrl(payload)));
    return { ticket, event, seat, generation, version };
  } catch {
    return { problem: "forged" };
  }
}
