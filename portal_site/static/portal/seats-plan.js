// The plan of a house as the page's JSON tells it, and what can be asked of it. Lengths are in seat widths.
const STEPS = 20;
const SIDE_BY_SIDE = 1.4;
const sums = (steps) => { let sum = 0; return steps.map((step) => (sum += step)); };

export class Plan {
  constructor({ w, h, sections }) {
    Object.assign(this, { width: w, height: h, sections, seats: [], rows: [], squares: new Map() });
    for (const section of sections) {
      section.rows = section.rows.map((told) => this.row(section, told));
      section.seats = section.rows.flatMap((row) => row.seats);
    }
    this.byId = new Map(this.seats.map((seat) => [seat.id, seat]));
    // The states come a letter a seat in this order.
    this.inOrder = [...this.seats].sort((one, other) => one.id - other.id);
  }

  row(section, told) {
    const [ids, numbers, x, y] = [told.ids, told.numbers, told.x, told.y].map(sums);
    const row = { section, name: told.row, seats: [] };
    row.seats = ids.map((id, at) => {
      const name = typeof told.names === "string" ? told.names + numbers[at] : told.names[at];
      const seat = { id, name, row, section, number: numbers[at], x: x[at] / STEPS, y: y[at] / STEPS, state: "r", chosen: false };
      const square = `${Math.floor(seat.x)} ${Math.floor(seat.y)}`;
      if (!this.squares.has(square)) this.squares.set(square, []);
      this.squares.get(square).push(seat);
      return seat;
    });
    this.seats.push(...row.seats);
    this.rows.push(row);
    return row;
  }

  within(left, top, right, bottom) {
    return this.seats.filter((seat) => seat.x > left - 1 && seat.x < right && seat.y > top - 1 && seat.y < bottom);
  }

  // The seat at a point, or the nearest one within half a seat of it.
  at(x, y) {
    let [found, best] = [null, 1];
    for (let column = Math.floor(x) - 1; column <= Math.floor(x) + 1; column++) {
      for (let level = Math.floor(y) - 1; level <= Math.floor(y) + 1; level++) {
        for (const seat of this.squares.get(`${column} ${level}`) || []) {
          const off = Math.max(Math.abs(seat.x + .5 - x), Math.abs(seat.y + .5 - y));
          if (off < Math.min(best, .75)) { best = off; found = seat; }
        }
      }
    }
    return found;
  }

  // The free seat that an arrow key leads to: ahead, and hardly aside.
  neighbour(from, along, across, direction) {
    let [found, cost] = [null, Infinity];
    for (const seat of this.seats) {
      const ahead = (seat[along] - from[along]) * direction;
      if (seat.state !== "a" || ahead <= .05) continue;
      const price = ahead + 6 * Math.abs(seat[across] - from[across]);
      if (price < cost) { cost = price; found = seat; }
    }
    return found;
  }

  nearest(lost) {
    const far = (seat) => (seat.section.price === lost.section.price ? 0 : 1e4) + Math.hypot(seat.x - lost.x, seat.y - lost.y);
    return this.seats.filter((seat) => seat.state === "a" && !seat.chosen && seat !== lost)
      .reduce((best, seat) => (best && far(best) <= far(seat) ? best : seat), null);
  }

  // Single free seats, with nobody free beside them, that the choice would leave.
  leftAlone(chosen) {
    const alone = [];
    for (const row of new Set(chosen.map((seat) => seat.row))) {
      let run = [];
      const end = () => {
        const edges = [-1, ...run.flatMap((seat, at) => (seat.chosen ? [at] : [])), run.length];
        if (edges.length > 2) edges.slice(1).forEach((edge, at) => { if (edge - edges[at] === 2) alone.push(run[edge - 1]); });
        run = [];
      };
      for (const seat of row.seats) {
        const last = run[run.length - 1];
        if (seat.state !== "a" || (last && Math.hypot(seat.x - last.x, seat.y - last.y) > SIDE_BY_SIDE)) end();
        if (seat.state === "a") run.push(seat);
      }
      end();
    }
    return alone;
  }
}
