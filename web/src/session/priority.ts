/** What a person asks goes before the next verb of a run. */

export class Priority {
  private urgent = 0;
  private waiting: (() => void)[] = [];
  private last: Promise<unknown> = Promise.resolve();

  /** Work of a person's, one after the other. */
  first<T>(work: () => Promise<T>): Promise<T> {
    this.urgent += 1;
    const mine = this.last.then(work);
    this.last = mine.then(
      () => this.leave(),
      () => this.leave(),
    );
    return mine;
  }

  /** A run's turn: at once, unless a person is being answered. */
  async turn(): Promise<void> {
    while (this.urgent > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private leave(): void {
    this.urgent -= 1;
    if (this.urgent === 0) for (const resolve of this.waiting.splice(0)) resolve();
  }
}
