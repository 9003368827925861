/** A static host that can set no headers, and can go away: the page as most people will put it up. */

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const SITE = fileURLToPath(new URL(`../dist-e2e/${process.env.PORT ?? 5311}`, import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

export class PlainServer {
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static start(): Promise<PlainServer> {
    const server = createServer(async (request, response) => {
      const path = normalize(decodeURIComponent((request.url ?? "/").split("?")[0] ?? "/"));
      const file = path.endsWith("/") ? `${path}index.html` : path;
      try {
        const body = await readFile(join(SITE, file));
        response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    return new Promise((done) => server.listen(0, () => done(new PlainServer(server))));
  }

  get url(): string {
    return `http://localhost:${(this.server.address() as AddressInfo).port}/`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }
}
