/** One verb at a time, in the order they were asked for, with a look at the messages between them. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(nextTask).then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/**
 * A promise alone does not let the event loop go round: without this a run of many verbs in WASM, where a verb is
 * one long call, would hear of a click or of Stop only at its end.
 */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
