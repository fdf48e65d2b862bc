import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { currencyDecimals } from "./services/web/build/currency-decimals.ts";

// Inherited by the workers and by the programs that tests start: compiled code is kept, as `npm start` does.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, ".sagacart", "compile-cache");

/** Returns a project of tests against a whole shop, one file at a time, each with a shop of its own. */
function shopProject(name: string, files: { include: string[]; exclude?: string[] }, testTimeout: number) {
  const limits = { testTimeout, hookTimeout: 300_000, expect: { poll: { timeout: 60_000 } } };
  const globalSetup = "./tests/support/fetch-programs.ts";
  return { test: { name, ...files, ...limits, globalSetup, fileParallelism: false } };
}

const [clients, pages] = ["tests/clients.test.ts", "tests/web/*.test.ts"];
/** Files that set something before they load a module, which must not have been loaded for another file. */
const apart = ["services/chassis/src/client/dns.test.ts"];
const unitSettings = {
  globalSetup: "./tests/support/global-setup.ts",
  // A busy machine takes its time: limits of seconds are about the machine, not about the code.
  testTimeout: 120_000,
  expect: { poll: { timeout: 60_000 } },
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    // More than the cores of a small machine: many tests wait for a moment to pass.
    maxWorkers: 3,
    projects: [
      {
        // A module that the build of the pages makes.
        plugins: [currencyDecimals()],
        test: {
          // Beside the code. Each test file that needs a database makes one of its own on one server.
          name: "unit",
          include: ["{clients,proto,services,workflows,scripts,bench,k8s}/**/*.test.ts"],
          exclude: [...apart, "**/node_modules/**"],
          // One process runs many files: to load the services' modules anew for each took a third of the time.
          isolate: false,
          ...unitSettings,
        },
      },
      { test: { name: "apart", include: apart, ...unitSettings } },
      {
        test: {
          // What Helm makes of the charts. Nothing is installed anywhere.
          name: "charts",
          include: ["charts/tests/*.test.ts"],
          globalSetup: "./charts/tests/fetch-helm.ts",
          testTimeout: 60_000,
        },
      },
      // Against the whole of it, from outside.
      shopProject("e2e", { include: ["tests/**/*.test.ts"], exclude: [clients, pages] }, 300_000),
      // The pages, in a real browser. axe reads ten of them in one test; with a load of 20 that takes minutes.
      shopProject("web", { include: [pages] }, 600_000),
      // Builds clients in other languages with their tools, which takes minutes: `npm run clients` does the same.
      ...(process.env.CI === "true" ? [shopProject("clients", { include: [clients] }, 1_200_000)] : []),
    ],
  },
});
