import { createContext, type ReactNode, useContext } from "react";
import type { SiteConfig } from "./site-config.ts";

const SiteConfigContext = createContext<SiteConfig | undefined>(undefined);

export function SiteConfigProvider({ config, children }: { config: SiteConfig; children: ReactNode }) {
  return <SiteConfigContext value={config}>{children}</SiteConfigContext>;
}

/** Returns the configuration of this installation. */
export function useSiteConfig(): SiteConfig {
  const config = useContext(SiteConfigContext);
  if (config === undefined) {
    throw new Error("useSiteConfig needs a SiteConfigProvider");
  }
  return config;
}
