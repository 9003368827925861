/** Bytes per second over the last seconds, and when it is time to say so again. */

const WINDOW = 3_000; // milliseconds
const TELL = 150;

export class Rate {
  readonly #marks: { at: number; bytes: number }[] = [];
  #told = Number.NEGATIVE_INFINITY;

  /** Whether to tell: a few times a second, and in any case at the end. */
  add(bytes: number, end: boolean, now = performance.now()): boolean {
    this.#marks.push({ at: now, bytes });
    while (this.#marks.length > 2 && (this.#marks[0] as { at: number }).at < now - WINDOW)
      this.#marks.shift();
    if (!end && now - this.#told < TELL) return false;
    this.#told = now;
    return true;
  }

  /** 0 while unknown. */
  get perSecond(): number {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.at - first.at < TELL) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}
