import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";
import { assets } from "./scripts/assets.ts";

// Threads in WASM need a page that is cross-origin isolated.
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const page = { main: at("index.html"), sw: at("src/offline/sw.ts") };
// what tests and the bench drive the engine through, without the page around it
const harness = {
  harness: at("tests/harness/index.html"),
  segmenter: at("tests/harness/segmenter.html"),
  render: at("tests/harness/render.html"),
};

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [assets(), react(), tailwindcss()],
  resolve: {
    alias: { "@": at("./src") },
    // the runtime without its WebAssembly inlined: it is fetched from public/ort when it is chosen
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es" },
  build: {
    target: "es2023",
    sourcemap: false,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: mode === "harness" ? harness : mode === "e2e" ? { ...page, ...harness } : page,
      // A service worker is found by its name, which therefore holds no hash.
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  server: { headers: isolation },
  preview: { headers: isolation },
}));
