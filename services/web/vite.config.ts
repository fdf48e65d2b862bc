import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compress } from "./build/compress.ts";
import { currencyDecimals } from "./build/currency-decimals.ts";
import { slimDescriptors } from "./build/slim-descriptors.ts";
import { themeStyles } from "./build/theme-styles.ts";

// Builds the pages to static files: npm run build -w services/web.
export default defineConfig({
  root: import.meta.dirname,
  logLevel: "warn",
  plugins: [slimDescriptors(), themeStyles(), currencyDecimals(), react(), compress()],
  build: {
    target: "es2023",
    outDir: process.env.WEB_OUT_DIR ?? "dist",
    emptyOutDir: true,
    // Data URLs would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    // Its polyfill is an inline script, and every browser of the target has the feature.
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      output: {
        // What every page loads in one file: fifty small ones compress worse.
        codeSplitting: {
          groups: [
            {
              name: "shared",
              test: /services\/web\/src\/(?:auth\/(?:session|use-session)|i18n|rpc|use-site-config)|node_modules\/(?:@tanstack|@connectrpc)\//,
              minShareCount: 2,
            },
          ],
        },
      },
    },
  },
});
