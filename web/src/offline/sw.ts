/**
 * The service worker: the studio opens without a network once it has been open with one, and is cross-origin
 * isolated on hosts that cannot set headers.
 *
 * Names with a hash never change and come from the cache; everything else is asked for first. Models beyond the
 * embedded one are kept in the origin's private file system, not here.
 */

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Messaged extends Lasting {
  readonly data: unknown;
}
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
  addEventListener(type: "message", listener: (event: Messaged) => void): void;
}

const worker = self as unknown as Scope;
const CACHE = "splitmask-studio-1";
const HASHED = /-[\w-]{8,}\.\w+$/;
const PARTIAL = /\/models\/(?!nano\/|models\.json)/; // large, and kept elsewhere

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(begin()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !isOurs(request.url) || request.headers.has("range")) return;
  event.respondWith(answer(request));
});

// What the page had fetched before this worker was there.
worker.addEventListener("message", (event) => {
  const urls = (event.data as { keep?: unknown } | null)?.keep;
  if (!Array.isArray(urls)) return;
  event.waitUntil(keepAll(urls.filter((url): url is string => typeof url === "string" && isOurs(url))));
});

async function begin(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("splitmask-studio-") && name !== CACHE) await caches.delete(name);
  }
  await worker.clients.claim();
}

function isOurs(url: string): boolean {
  return url.startsWith(worker.registration.scope);
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = HASHED.test(new URL(request.url).pathname) ? await cache.match(request) : undefined;
  if (kept) return isolated(kept);
  try {
    const fresh = await fetch(request);
    if (isKept(fresh, request.url)) void cache.put(request, fresh.clone()).catch(() => {}); // a full disk ends no visit
    return isolated(fresh);
  } catch (error) {
    const old = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (old) return isolated(old);
    throw error;
  }
}

function isKept(response: Response, url: string): boolean {
  return response.status === 200 && !PARTIAL.test(new URL(url).pathname);
}

async function keepAll(urls: readonly string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const url of urls) {
    if (PARTIAL.test(new URL(url).pathname) || (await cache.match(url))) continue;
    await cache.add(url).catch(() => {});
  }
}

function isolated(response: Response): Response {
  if (response.status === 0 || response.type === "opaque") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(status === 204 || status === 304 ? null : response.body, {
    status,
    statusText,
    headers,
  });
}
