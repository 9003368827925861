/** onnxruntime-web, one module a provider: neither is fetched before it is chosen. */

import type * as Ort from "onnxruntime-web";
import { SplitmaskError } from "@/core/errors";
import type { EngineOptions, Provider } from "@/engine/base";

export interface Runtime {
  readonly ort: typeof Ort;
  readonly provider: Provider;
  readonly threads: number;
}

const MOST_THREADS = 4; // more gain little: the operators are short

/** Threads share memory, which only an isolated page may. */
function threadsHere(wanted: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return wanted ?? Math.max(1, Math.min(MOST_THREADS, navigator.hardwareConcurrency || 2));
}

/** Rejects with `network`. */
export async function openRuntime(
  provider: Provider,
  { runtime, threads: wanted }: EngineOptions,
): Promise<Runtime> {
  const threads = provider === "wasm" ? threadsHere(wanted) : 1;
  const ort = await fetched(provider);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = threads;
  if (provider === "webgpu") ort.env.webgpu.powerPreference = "high-performance";
  return { ort, provider, threads };
}

async function fetched(provider: Provider): Promise<typeof Ort> {
  try {
    return provider === "webgpu"
      ? await import("onnxruntime-web/webgpu")
      : await import("onnxruntime-web/wasm");
  } catch (error) {
    throw new SplitmaskError("network", "the runtime could not be loaded: check the connection and retry", {
      cause: error,
    });
  }
}

/** Why WebGPU is not to be chosen unasked, in words for a person; null where it is. */
export async function whyNotWebGpu(): Promise<string | null> {
  if (!globalThis.navigator?.gpu) return "this browser, or a page without HTTPS, has no WebGPU";
  const adapter = await navigator.gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  if (!adapter) return "the browser offers no graphics processor";
  // not every browser tells
  const info = adapter.info as GPUAdapterInfo | undefined;
  return info?.isFallbackAdapter ? "WebGPU is computed in software here" : null;
}
