/** Encoding elsewhere: a picture goes out, a bundle comes back. */

import { SplitmaskError } from "@/core/errors";
import { bundleFromParts, bundleFromUrl, isAbort, load, whole } from "./bundles";
import type { RemoteSettings } from "./settings";

export interface RemoteOptions {
  readonly signal: AbortSignal;
  readonly say: (what: string) => void; // one line: what is being waited for
  readonly fetch?: typeof fetch;
}

/** Throws SplitmaskError that names the service and what it answered. */
export async function encodeRemotely(
  settings: RemoteSettings,
  image: File,
  options: RemoteOptions,
): Promise<File> {
  const name = image.name.replace(/\.[^.]+$/, "");
  const call: Call = { settings, name, options, get: authorised(settings, options) };
  options.say(`Sending ${image.name}`);
  if (settings.service === "server") return toServer(call, image);
  if (settings.service === "replicate") return toReplicate(call, image);
  return toSpace(call, image);
}

interface Call {
  readonly settings: RemoteSettings;
  readonly name: string;
  readonly options: RemoteOptions;
  readonly get: typeof fetch;
}

/** The token goes to the service's own host, and to no other that an answer may name. */
function authorised(settings: RemoteSettings, options: RemoteOptions): typeof fetch {
  const plain = options.fetch ?? globalThis.fetch.bind(globalThis);
  const home = originOf(settings.url);
  return (input, init) => {
    const target = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    if (settings.token !== "" && originOf(target) === home) {
      headers.set("Authorization", `Bearer ${settings.token}`);
    }
    return plain(input, { ...init, headers, signal: options.signal });
  };
}

function originOf(address: string): string {
  try {
    return new URL(address, globalThis.location?.href).origin;
  } catch {
    throw new SplitmaskError(
      "network",
      `${address || "The address"} is not an address: it begins with https://`,
    );
  }
}

async function toServer({ settings, name, get }: Call, image: File): Promise<File> {
  const form = new FormData();
  form.set("image", image, image.name);
  const answer = await asked(get, settings.url, { method: "POST", body: form });
  const bytes = await whole(answer, originOf(settings.url));
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    throw new SplitmaskError(
      "bundle",
      `${settings.url} sent something else than a bundle: is it an encode address?`,
    );
  }
  return new File([bytes], `${name}.zip`, { type: "application/zip" });
}

interface Prediction {
  readonly status: "starting" | "processing" | "succeeded" | "failed" | "canceled";
  readonly output: unknown;
  readonly error: string | null;
  readonly urls: { readonly get: string };
}

async function toReplicate(call: Call, image: File): Promise<File> {
  const { settings, options, get } = call;
  if (settings.token === "") throw new SplitmaskError("network", "Replicate asks for a token: paste yours");
  const base = settings.url.replace(/\/$/, "");
  const byName = settings.model.includes("/") && !settings.model.includes(":");
  const url = byName ? `${base}/models/${settings.model}/predictions` : `${base}/predictions`;
  const input = { image: await dataUrl(image) };
  const body = JSON.stringify(byName ? { input } : { version: settings.model.split(":").at(-1), input });
  const headers = { "Content-Type": "application/json", Prefer: "wait" };
  let now = await prediction(get, url, { method: "POST", headers, body });
  while (now.status === "starting" || now.status === "processing") {
    options.say(now.status === "starting" ? "Waiting for a machine" : "Encoding on Replicate");
    await pause(1000, options.signal);
    now = await prediction(get, `${base}/predictions/${now.urls.get.split("/").at(-1)}`, {});
  }
  if (now.status !== "succeeded") {
    throw new SplitmaskError(
      "network",
      `Replicate: the model ${now.status}: ${now.error ?? "no reason given"}`,
    );
  }
  return fetched(call, now.output);
}

async function prediction(get: typeof fetch, url: string, init: RequestInit): Promise<Prediction> {
  const found = (await jsonOf(await asked(get, url, init), url)) as Prediction;
  if (typeof found?.status === "string") return found;
  throw new SplitmaskError("network", `${url} sent no prediction: is it the address of Replicate's API?`);
}

async function jsonOf(answer: Response, url: string): Promise<unknown> {
  const text = new TextDecoder().decode(await whole(answer, originOf(url)));
  try {
    return JSON.parse(text);
  } catch {
    throw new SplitmaskError("network", `${url} sent something else than an answer: check the address`);
  }
}

async function toSpace(call: Call, image: File): Promise<File> {
  const base = call.settings.url.replace(/\/+$/, "").replace(/\/api\/predict$/, "");
  const body = JSON.stringify({ data: [await dataUrl(image)] });
  const headers = { "Content-Type": "application/json" };
  call.options.say("Encoding in the Space");
  const url = `${base}/api/predict`;
  const answer = await jsonOf(await asked(call.get, url, { method: "POST", headers, body }), url);
  const { data, error } = (answer ?? {}) as { data?: unknown[]; error?: string };
  if (!Array.isArray(data)) throw new SplitmaskError("network", `The Space: ${error ?? "it sent no data"}`);
  return fetched(call, data.length === 1 ? data[0] : data, base);
}

/** An answer's addresses, however the service writes them: one zip, or the files of a bundle. */
export function addressesOf(output: unknown, base = ""): string[] {
  if (Array.isArray(output)) return output.flatMap((each) => addressesOf(each, base));
  if (typeof output === "string") return [output];
  if (typeof output !== "object" || output === null) return [];
  const { url, path, data, name } = output as Record<string, unknown>;
  if (typeof url === "string") return [url];
  if (typeof data === "string") return [data];
  const file = path ?? name;
  if (typeof file === "string") return [`${base}/file=${file}`];
  return Object.values(output).flatMap((each) => addressesOf(each, base));
}

async function fetched({ get, name, options }: Call, output: unknown, base = ""): Promise<File> {
  options.say("Fetching the bundle");
  const addresses = addressesOf(output, base);
  const ending = (end: string) =>
    addresses.find((each) => new URL(each, base || undefined).pathname.endsWith(end));
  const [manifest, embedding, preview] = [
    ending("manifest.json"),
    ending("embedding.bin"),
    ending("preview.jpg"),
  ];
  const bytes = (address: string) => load(new URL(address), get);
  if (manifest !== undefined && embedding !== undefined) {
    return bundleFromParts({
      manifest: () => bytes(manifest),
      embedding: () => bytes(embedding),
      preview: () => bytes(preview ?? manifest.replace("manifest.json", "preview.jpg")),
      name,
    });
  }
  const [only] = addresses;
  if (only === undefined) throw new SplitmaskError("bundle", "the service answered without a bundle");
  if (only.startsWith("data:"))
    return new File([await bytes(only)], `${name}.zip`, { type: "application/zip" });
  return bundleFromUrl(only, get);
}

async function asked(get: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await get(url, init);
  } catch (error) {
    if (isAbort(error)) throw new SplitmaskError("cancelled", "cancelled");
    const why = "it is off, the address is wrong, or it does not allow calls from this page (CORS)";
    throw new SplitmaskError("network", `${originOf(url)} cannot be reached: ${why}`);
  }
  if (answer.ok) return answer;
  throw new SplitmaskError("network", await refusal(answer, url));
}

async function refusal(answer: Response, url: string): Promise<string> {
  const host = originOf(url);
  if (answer.status === 401 || answer.status === 403) return `${host} refuses the token: check it`;
  if (answer.status === 404) return `${url} is not there: check the address and the model`;
  if (answer.status === 429) return `${host} has had too many requests: wait a minute`;
  const text = (await answer.text().catch(() => "")).slice(0, 200).trim();
  return `${host} answers ${answer.status}${text === "" ? "" : `: ${text}`}`;
}

function dataUrl(file: File): Promise<string> {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.onerror = () => fail(new SplitmaskError("media.broken", `${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(new SplitmaskError("cancelled", "cancelled"));
    });
  });
}
