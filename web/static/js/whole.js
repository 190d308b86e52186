// JSON with whole numbers that JavaScript's own cannot hold. Quotas and usage go up to 2^63-1,
// a Number is exact up to 2^53.

// Whole is such a number: it calculates as the nearest Number and is written as it was sent.
export class Whole extends Number {
  constructor(digits) {
    super(digits);
    this.digits = digits;
  }

  // In JSON, by which the page tells what has changed, neighbours must differ.
  toJSON() {
    return this.digits;
  }
}

// parse is JSON.parse. A browser that does not tell what was written leaves the nearest
// Number, which format.count marks.
export function parse(text) {
  // A reviver takes several times as long, and hardly any answer needs it.
  return /\d{16}/.test(text) ? JSON.parse(text, revive) : JSON.parse(text);
}

function revive(key, value, context) {
  const lost = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source);
  return lost ? new Whole(context.source) : value;
}
