import "@mantine/core/styles.css";
import "virtual:theme.css";
import "./layout/page.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { moveToIssuersHost, readSiteConfig } from "./site-config.ts";

// A chunk that is gone belongs to a version that the shop no longer has: the page of the new one knows the new names.
addEventListener("vite:preloadError", () => location.reload());

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no element root");
}
const config = await readSiteConfig();
if (!moveToIssuersHost(config)) {
  createRoot(root).render(
    <StrictMode>
      <App config={config} />
    </StrictMode>,
  );
}
