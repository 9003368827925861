import { defineConfig, devices } from "@playwright/test";

const PORT = Number(process.env.PORT ?? 5311);

const SITE = `dist-e2e/${PORT}`; // runs on different ports do not meet

// `npm run e2e` builds the page with the tests' harness and drives it in Chromium.
export default defineConfig({
  testDir: "tests/e2e",
  outputDir: `test-results/${PORT}`,
  // SLOW=1 npm run e2e: also the packaged model on a graphics processor in software, for minutes
  ...(!process.env.SLOW && { grepInvert: /@slow/ }),
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  reporter: process.env.CI ? "github" : "list",
  use: {
    baseURL: `http://localhost:${PORT}/`,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
      ],
    },
  },
  projects: [{ name: "chromium", use: devices["Desktop Chrome"] }],
  webServer: {
    command: `vite build --mode ${process.env.E2E_MODE ?? "e2e"} --outDir ${SITE} && vite preview --outDir ${SITE} --port ${PORT} --strictPort`,
    url: `http://localhost:${PORT}/models/models.json`,
    timeout: 120_000,
    reuseExistingServer: !process.env.CI,
  },
});
