/** Where pictures are encoded, if not here. The token stays in this tab and goes nowhere but to that service. */

export type Service = "server" | "replicate" | "space";

export interface RemoteSettings {
  readonly service: Service;
  readonly url: string;
  readonly model: string; // Replicate: owner/name or a version
  readonly token: string;
}

export interface ServiceInfo {
  readonly title: string;
  readonly url: string; // to begin with
  readonly placeholder: string;
  readonly needsToken: boolean;
  readonly about: string;
}

export const SERVICES: Record<Service, ServiceInfo> = {
  server: {
    title: "Own server",
    url: "",
    placeholder: "http://localhost:7264/encode",
    needsToken: false,
    about:
      "A machine of yours: it gets the picture and sends a bundle back. splitmask has an example of one.",
  },
  replicate: {
    title: "Replicate",
    url: "https://api.replicate.com/v1",
    placeholder: "https://api.replicate.com/v1",
    needsToken: true,
    about:
      "A model that returns bundles, on your account. Replicate allows no calls from pages: put the address of your proxy here.",
  },
  space: {
    title: "Hugging Face Space",
    url: "",
    placeholder: "https://you-your-space.hf.space",
    needsToken: false,
    about: "A Gradio Space with /api/predict. A token is needed only for private Spaces.",
  },
};

const KEY = "splitmask.remote";
const TOKEN = "splitmask.remote.token";

export function readSettings(): RemoteSettings {
  const fallback: RemoteSettings = { service: "server", url: "", model: "", token: "" };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<RemoteSettings>;
    return { ...fallback, ...kept, token: sessionStorage.getItem(TOKEN) ?? "" };
  } catch {
    return fallback;
  }
}

export function writeSettings({ token, ...kept }: RemoteSettings): void {
  localStorage.setItem(KEY, JSON.stringify(kept));
  sessionStorage.setItem(TOKEN, token);
}
