// What a gate without network decides by its list. It reads, and changes nothing.

import { digest, isQr, read, retyped } from "./signature.js";

const OUR_TICKET = /^TF-[0-9A-F]{32}$/i;
const REFUSALS = { REFUNDED: "refunded", EXPIRED: "expired", PENDING_PAYMENT: "not_paid" };

const isNewer = (claims, row) =>
  claims.generation > row.generation || (claims.generation === row.generation && claims.version > row.version);

// An event's list: rows by number, by the digest of the ticket's id, and by that of its order.
export class Book {
  constructor(about, rows) {
    this.rows = new Map();
    this.byTicket = new Map();
    this.byOrder = new Map();
    this.update(about, rows);
  }

  update(about, rows) {
    Object.assign(this, about);
    for (const row of rows) {
      if (!this.rows.has(row.number)) {
        this.byOrder.set(row.order, [...(this.byOrder.get(row.order) ?? []), row.number]);
        this.byTicket.set(row.ticket, row.number);
      }
      this.rows.set(row.number, row);
    }
  }
}

// `marks`: what this device has let in, by the digest of the ticket's id.
export async function decide({ text, number }, book, marks, noble) {
  if (number !== undefined) {
    return judge(book.rows.get(number), marks);
  }
  const typed = retyped(text.trim());
  return isQr(typed) ? decideQr(typed, book, marks, noble) : decideTyped(text.trim(), typed, book, marks);
}

async function decideQr(text, book, marks, noble) {
  const claims = await read(text, book.keys, noble);
  if (claims.problem) {
    return { code: claims.problem };
  }
  if (!book.references.includes(claims.event)) {
    return { code: "other_event" };
  }
  const mark = await digest(claims.ticket);
  const row = book.rows.get(book.byTicket.get(mark));
  if (marks.has(mark) || (row && !(row.status === "PENDING_PAYMENT" && isNewer(claims, row)))) {
    return judge(row ?? { ticket: mark }, marks);
  }
  // Only what is paid is ever signed: the ticket was sold, or paid, after the list was loaded.
  if (!book.admitsUnlisted) {
    return { code: row ? "not_paid" : "unlisted", row };
  }
  return { code: "in", row, mark, ticket: claims.ticket, listed: false };
}

async function decideTyped(text, typed, book, marks) {
  const id = OUR_TICKET.test(typed) ? `TF-${typed.slice(3).toLowerCase()}` : text;
  const found = book.rows.get(book.byTicket.get(await digest(id)));
  if (found) {
    return judge(found, marks);
  }
  for (const code of new Set([text, typed.toUpperCase()])) {
    const rows = (book.byOrder.get(await digest(code)) ?? []).map((number) => book.rows.get(number));
    if (rows.length) {
      return rows.length === 1 ? judge(rows[0], marks) : { code: "choose", choices: rows };
    }
  }
  return { code: "unlisted" };
}

function judge(row, marks) {
  if (row === undefined) {
    return { code: "unlisted" };
  }
  const mine = marks.get(row.ticket);
  if (mine) {
    return { code: "already_used", at: mine.scanned_at, gate: mine.gate, row, mine };
  }
  if (row.status === "USED") {
    return { code: "already_used", at: row.at, gate: row.gate, row };
  }
  if (row.status !== "PAID") {
    return { code: REFUSALS[row.status], row };
  }
  return { code: "in", row, mark: row.ticket, listed: true };
}
