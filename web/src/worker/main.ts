/** The worker: the host, with errors as the contract has them. */

import * as Comlink from "comlink";
import { toFault } from "@/core/errors";
import { Host } from "./host";

type Method = (...given: unknown[]) => Promise<unknown>;

/** What a method throws leaves it as a plain `Fault`: comlink takes an error's code away from it. */
function withFaults<T extends object>(host: T): T {
  return new Proxy(host, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver);
      if (typeof member !== "function") return member;
      return async (...given: unknown[]) => {
        try {
          return await (member as Method).apply(target, given);
        } catch (error) {
          throw toFault(error);
        }
      };
    },
  });
}

Comlink.expose(withFaults(new Host()));
