import { fileURLToPath } from "node:url";
import { defineConfig, type PlaywrightTestConfig } from "@playwright/test";
import base from "../playwright.config";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const server = base.webServer as NonNullable<Exclude<PlaywrightTestConfig["webServer"], unknown[]>>;

// A few long tests on a quiet machine: `npm run bench`, or one file of them: `npm run bench page.ts`.
export default defineConfig({
  ...base,
  testDir: ".",
  testMatch: ["bench.ts", "page.ts"],
  outputDir: `${WEB}test-results/bench`,
  timeout: 600_000,
  reporter: "line",
  use: { ...base.use, trace: "off" },
  webServer: { ...server, cwd: WEB },
});
