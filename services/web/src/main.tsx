import "@mantine/core/styles.css";
import "virtual:theme.css";
import "./layout/page.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { moveToIssuersHost, readSiteConfig } from "./site-config.ts";

// Go on without a chunk's style sheet, which a page can be used without. A chunk that is gone itself is dealt with where it is
// used, and not here, where a link that is merely pointed at would reload the page.
addEventListener("vite:preloadError", (event) => {
  if (event.payload.message.startsWith("Unable to preload CSS")) {
    event.preventDefault();
  }
});

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no element root");
}
const config = await readSiteConfig().catch((error: unknown) => {
  document.getElementById("unreachable")?.removeAttribute("hidden");
  throw error;
});
if (!moveToIssuersHost(config)) {
  createRoot(root).render(
    <StrictMode>
      <App config={config} />
    </StrictMode>,
  );
}
