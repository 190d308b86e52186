// Waiting longer after each failure, each page for another time: a thousand open pages must
// not meet a server that has just come back in the same millisecond.
export class Backoff {
  // first and most in ms; random as Math.random.
  constructor(first, most, random = Math.random) {
    Object.assign(this, { first, most, random });
    this.reset();
  }

  reset() {
    this.failures = 0;
  }

  // next is the ms to wait now: it doubles with each call, give or take a quarter.
  next() {
    const wait = Math.min(this.most, this.first * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 30);
    return wait * (0.75 + 0.5 * this.random());
  }
}

// How long to wait for an answer: twice as long after each time in which none came in full, for a
// long list on a slow line needs its time, and to give up over and over would never show it.
export class Patience {
  // first and most in ms.
  constructor(first, most) {
    Object.assign(this, { ms: first, most });
  }

  // lost says that it was not enough.
  lost() {
    this.ms = Math.min(this.most, 2 * this.ms);
  }
}
