/** A server of model folders that can be told to fail. For Node; used by vitest and Playwright alike. */

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** What goes wrong with one request of a file. */
export type Fault =
  | { readonly kind: "cut"; readonly after: number } // the connection breaks after so many bytes
  | { readonly kind: "stall"; readonly after: number } // nothing more comes
  | { readonly kind: "wrong" } // the bytes of another file
  | { readonly kind: "whole" } // takes no notice of Range
  | { readonly kind: "status"; readonly status: number };

export interface Request {
  readonly file: string;
  readonly range: string | null;
  readonly status: number;
}

export class ModelServer {
  readonly requests: Request[] = [];
  readonly #faults = new Map<string, Fault[]>();
  readonly #folders: Readonly<Record<string, string>>;
  readonly #server: Server;

  private constructor(folders: Readonly<Record<string, string>>) {
    this.#folders = folders;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** folders: id → path on disk. models.json lists them all, none of them bundled but `bundled`. */
  static async start(folders: Readonly<Record<string, string>>): Promise<ModelServer> {
    const server = new ModelServer(folders);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The next requests of a file (by name, in whichever folder) fail so, one after the other. */
  fail(file: string, ...faults: Fault[]): void {
    this.#faults.set(file, [...(this.#faults.get(file) ?? []), ...faults]);
  }

  of(file: string): Request[] {
    return this.requests.filter((each) => each.file === file);
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*");
    response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    const [id = "", file = ""] = decodeURIComponent(request.url ?? "")
      .slice(1)
      .split("/");
    const bytes = id === "models.json" ? this.#catalogue() : this.#bytes(id, file);
    const fault = this.#faults.get(file)?.shift();
    const status = this.#send(request, response, bytes, fault);
    this.requests.push({ file: file || id, range: request.headers.range ?? null, status });
  }

  #send(request: IncomingMessage, response: ServerResponse, bytes: Buffer | null, fault?: Fault): number {
    if (fault?.kind === "status" || !bytes) {
      const status = fault?.kind === "status" ? fault.status : 404;
      response.writeHead(status).end();
      return status;
    }
    const from =
      fault?.kind === "whole" ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const body = (fault?.kind === "wrong" ? Buffer.alloc(bytes.length, 7) : bytes).subarray(from);
    const status = from > 0 ? 206 : 200;
    response.writeHead(status, { "Content-Length": body.length, "Content-Type": "application/octet-stream" });
    if (fault?.kind === "cut" || fault?.kind === "stall") {
      // the flush lets what was written arrive before the connection goes
      response.write(body.subarray(0, fault.after), () => {
        if (fault.kind === "cut") setTimeout(() => request.socket.destroy(), 50);
      });
    } else {
      response.end(body);
    }
    return status;
  }

  #bytes(id: string, file: string): Buffer | null {
    const folder = this.#folders[id];
    try {
      return folder && /^[\w.-]+$/.test(file) ? readFileSync(join(folder, file)) : null;
    } catch {
      return null;
    }
  }

  #catalogue(): Buffer {
    const models = Object.keys(this.#folders).map((id) => ({
      id,
      title: id,
      about: "",
      licence: "",
      bytes: 0,
      bundled: id === "bundled",
      tracks: true,
    }));
    return Buffer.from(JSON.stringify({ format: "splitmask.models", version: 1, base: "./", models }));
  }
}
