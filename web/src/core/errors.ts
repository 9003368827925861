/** An error that a person can act on: what is wrong, where, and what to do, in one line. */
export class SplitmaskError extends Error {
  override readonly name: string = "SplitmaskError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the page decides its way on by; the message is for people. */
export type ErrorCode =
  | "media.unsupported" // no decoder for it in this browser
  | "media.broken"
  | "media.too-large"
  | "model.missing"
  | "model.corrupt" // a file's hash is not the one that was promised
  | "model.unfit" // its tensors are not those of a graph of ours
  | "provider.failed" // computes wrongly, or was lost
  | "storage.full"
  | "storage.locked" // another tab has it
  | "network"
  | "prompt"
  | "cancelled"
  | "bundle"
  | "result" // a result.json or a mask in it
  | "internal";

/** An error as it crosses from the worker to the page. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
}

export function toFault(error: unknown): Fault {
  if (error instanceof SplitmaskError) return { code: error.code, message: error.message };
  if (error instanceof DOMException && error.name === "QuotaExceededError") {
    return { code: "storage.full", message: "the browser gives this page no more room" };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message };
}
