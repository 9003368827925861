import { fileURLToPath } from "node:url";
import { defineConfig, type PlaywrightTestConfig } from "@playwright/test";
import base from "../playwright.config";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const server = base.webServer as NonNullable<Exclude<PlaywrightTestConfig["webServer"], unknown[]>>;

// One long test on a quiet machine: `npm run bench`.
export default defineConfig({
  ...base,
  testDir: ".",
  testMatch: "bench.ts",
  outputDir: `${WEB}test-results/bench`,
  timeout: 600_000,
  reporter: "line",
  use: { ...base.use, trace: "off" },
  webServer: { ...server, cwd: WEB },
});
