// What the device keeps, in IndexedDB: its settings, the event's list, and whom it let in.

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const done = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });

export async function openStore() {
  const request = indexedDB.open("ticketflow-gate", 1);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore("settings");
    database.createObjectStore("tickets", { keyPath: ["event", "number"] });
    const entries = database.createObjectStore("entries", { keyPath: "id" });
    // This device lets a ticket in once, in however many windows.
    entries.createIndex("once", ["event.key", "mark"], { unique: true });
  };
  return new Store(await settled(request));
}

class Store {
  constructor(database) {
    this.database = database;
  }

  setting(name) {
    return settled(this.database.transaction("settings").objectStore("settings").get(name));
  }

  set(name, value) {
    const transaction = this.database.transaction("settings", "readwrite");
    transaction.objectStore("settings").put(value, name);
    return done(transaction);
  }

  tickets(event) {
    const range = IDBKeyRange.bound([event, 0], [event, Infinity]);
    return settled(this.database.transaction("tickets").objectStore("tickets").getAll(range));
  }

  // A whole list takes the place of every other one: no event stays on the device when another is chosen.
  keep(about, rows, whole) {
    const transaction = this.database.transaction(["tickets", "settings"], "readwrite");
    const tickets = transaction.objectStore("tickets");
    if (whole) {
      tickets.clear();
    }
    for (const row of rows) {
      tickets.put(row);
    }
    transaction.objectStore("settings").put(about, "list");
    return done(transaction);
  }

  async entries() {
    return settled(this.database.transaction("entries").objectStore("entries").getAll());
  }

  // False when this device has let the ticket in before. The entry is on the disk when this returns.
  async add(entry) {
    const transaction = this.database.transaction("entries", "readwrite", { durability: "strict" });
    transaction.objectStore("entries").add(entry);
    try {
      await done(transaction);
      return true;
    } catch (error) {
      if (error?.name === "ConstraintError") {
        return false;
      }
      throw error;
    }
  }

  change(entries) {
    const transaction = this.database.transaction("entries", "readwrite");
    for (const entry of entries) {
      transaction.objectStore("entries").put(entry);
    }
    return done(transaction);
  }

  // What billing has acknowledged and is older than the moment; never anything else.
  async forget(moment) {
    const old = (await this.entries()).filter((entry) => entry.sent && entry.scanned_at < moment);
    const transaction = this.database.transaction("entries", "readwrite");
    for (const entry of old) {
      transaction.objectStore("entries").delete(entry.id);
    }
    return done(transaction);
  }
}
