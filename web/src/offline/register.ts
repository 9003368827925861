/** Puts the service worker in place; reloads the page once where that is what isolates it. */

const RELOADED = "splitmask.isolated";

export async function registerOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || !isSecureContext || import.meta.env.DEV) return;
  try {
    await navigator.serviceWorker.register("./sw.js", { scope: "./" });
  } catch {
    return; // without it the page works as well, with a network
  }
  await keepOffline([location.href.split("#")[0] ?? location.href, ...fetched()]);
  if (crossOriginIsolated) {
    sessionStorage.removeItem(RELOADED);
    return;
  }
  // Once only: where isolation cannot be had the page says so, and works on one thread.
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "1");
  location.reload();
}

/** What was fetched past the service worker, before it was there, is kept by it all the same. */
export async function keepOffline(urls: readonly string[]): Promise<void> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ keep: urls });
}

/** Addresses that this thread has fetched. */
export function fetched(): string[] {
  return performance.getEntriesByType("resource").map((entry) => entry.name);
}
