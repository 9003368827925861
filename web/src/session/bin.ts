/** What is to be disposed once nothing is under way that may still read it. */

export class Bin {
  private readonly things: { dispose(): void }[] = [];
  private users = 0;

  add(thing: { dispose(): void }): void {
    this.things.push(thing);
    this.emptyIfIdle();
  }

  /** Nothing is disposed while `work` is under way. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.users += 1;
    try {
      return await work();
    } finally {
      this.users -= 1;
      this.emptyIfIdle();
    }
  }

  private emptyIfIdle(): void {
    if (this.users === 0) for (const thing of this.things.splice(0)) thing.dispose();
  }
}
