/** Puts the service worker in place; reloads the page once where that is what isolates it. */

const RELOADED = "splitmask.isolated";

export async function registerOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || !isSecureContext || import.meta.env.DEV) return;
  try {
    await navigator.serviceWorker.register("./sw.js", { scope: "./" });
  } catch {
    return; // without it the page works as well, with a network
  }
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ keep: fetched() });
  if (crossOriginIsolated) {
    sessionStorage.removeItem(RELOADED);
    return;
  }
  // Once only: where isolation cannot be had the page says so, and works on one thread.
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "1");
  location.reload();
}

function fetched(): string[] {
  const resources = performance.getEntriesByType("resource").map((entry) => entry.name);
  return [location.href.split("#")[0] ?? location.href, ...resources];
}
