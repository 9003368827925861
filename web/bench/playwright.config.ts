import { defineConfig } from "@playwright/test";
import base from "../playwright.config";

// One long test in a quiet machine: `npm run bench`.
export default defineConfig({
  ...base,
  testDir: ".",
  testMatch: "bench.ts",
  timeout: 600_000,
  reporter: "line",
  use: { ...base.use, trace: "off" },
});
