/**
 * What the page loads beside its own script: the runtime's WebAssembly and the embedded model.
 *
 * Both are copied under `public/` (git-ignored) before Vite starts, so that a development server and a build
 * find them in the same place. The runtime lies under its version: its files can be cached for good.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const NANO = join(WEB, "../src/splitmask/weights/nano");
const RUNTIME = join(WEB, "node_modules/onnxruntime-web");
// the plain runtime for WASM, and the one whose calls can wait for the graphics processor
const BUILDS = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"];

export function runtimeVersion(): string {
  return (JSON.parse(readFileSync(join(RUNTIME, "package.json"), "utf8")) as { version: string }).version;
}

/** Copies what is not there yet, or is older. */
export function assets(): Plugin {
  return {
    name: "splitmask-assets",
    config: () => {
      copyRuntime();
      copyNano();
      return { define: { __ORT_VERSION__: JSON.stringify(runtimeVersion()) } };
    },
  };
}

function copyRuntime(): void {
  const target = join(WEB, "public/ort", runtimeVersion());
  for (const file of BUILDS.flatMap((name) => [`${name}.mjs`, `${name}.wasm`])) {
    copy(join(RUNTIME, "dist", file), join(target, file));
  }
}

function copyNano(): void {
  const target = join(WEB, "public/models/nano");
  const files = readdirSync(NANO).filter((name) => /^graphs\.json$|^golden\.|\.onnx$/.test(name));
  for (const file of files) copy(join(NANO, file), join(target, file));
  writeCatalogue(files);
}

/** models.json, with the size of the embedded model as it is today. */
function writeCatalogue(nano: readonly string[]): void {
  const bytes = nano.filter((name) => name.endsWith(".onnx")).map((name) => statSync(join(NANO, name)).size);
  const catalogue = JSON.parse(readFileSync(join(WEB, "models.json"), "utf8")) as {
    models: { id: string; bytes: number }[];
  };
  for (const model of catalogue.models) {
    if (model.id === "nano") model.bytes = bytes.reduce((a, b) => a + b, 0);
  }
  writeFileSync(join(WEB, "public/models/models.json"), `${JSON.stringify(catalogue, null, 2)}\n`);
}

function copy(from: string, to: string): void {
  const old = statSync(to, { throwIfNoEntry: false });
  const now = statSync(from);
  if (old && old.size === now.size && old.mtimeMs >= now.mtimeMs) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
