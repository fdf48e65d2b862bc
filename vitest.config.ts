import { defineConfig } from "vitest/config";
import { currencyDecimals } from "./services/web/build/currency-decimals.ts";

/** Builds clients in other languages with their tools, which takes minutes: `npm run clients` does the same. */
const clients = {
  test: {
    name: "clients",
    include: ["tests/clients.test.ts"],
    globalSetup: "./tests/support/fetch-programs.ts",
    fileParallelism: false,
    testTimeout: 1_200_000,
    hookTimeout: 300_000,
  },
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        // A module that the build of the pages makes.
        plugins: [currencyDecimals()],
        test: {
          // Beside the code. Each test file that needs a database makes one of its own on one server.
          name: "unit",
          include: ["{clients,proto,services,workflows,scripts,bench,k8s}/**/*.test.ts"],
          globalSetup: "./tests/support/global-setup.ts",
          // A busy machine takes its time: limits of seconds are about the machine, not about the code.
          testTimeout: 120_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // What Helm makes of the charts. Nothing is installed anywhere.
          name: "charts",
          include: ["charts/tests/*.test.ts"],
          globalSetup: "./charts/tests/fetch-helm.ts",
          testTimeout: 60_000,
        },
      },
      {
        test: {
          // Against the whole of it, from outside: one file at a time, since it is one shop.
          name: "e2e",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/clients.test.ts", "tests/web/**"],
          globalSetup: "./tests/support/fetch-programs.ts",
          fileParallelism: false,
          testTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          // The pages, in a real browser, against a shop of their own.
          name: "web",
          include: ["tests/web/*.test.ts"],
          globalSetup: "./tests/support/fetch-programs.ts",
          fileParallelism: false,
          // axe reads ten pages in one test; on a machine with a load of 20 that takes minutes.
          testTimeout: 600_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 300_000,
        },
      },
      ...(process.env.CI === "true" ? [clients] : []),
    ],
  },
});
