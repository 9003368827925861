import { describe, expect, it } from "vitest";
import { Turns } from "@/engine/turns";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("Turns", () => {
  it("runs one thing at a time, in order, and goes on after a failure", async () => {
    const turns = new Turns();
    const log: string[] = [];
    const work = (name: string, ms: number) =>
      turns.take(async () => {
        log.push(`${name} begins`);
        await pause(ms);
        log.push(`${name} ends`);
        if (name === "b") throw new Error("b");
        return name;
      });
    const results = await Promise.allSettled([work("a", 8), work("b", 1), work("c", 0)]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect(results.map((each) => each.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  it("hears a message between two turns", async () => {
    const turns = new Turns();
    const log: string[] = [];
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => log.push("message");
    const first = turns.take(async () => {
      port2.postMessage(null);
      log.push("first");
    });
    const second = first.then(() => turns.take(async () => log.push("second")));
    await second;
    port1.close();
    expect(log).toEqual(["first", "message", "second"]);
  });
});
