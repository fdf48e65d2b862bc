import { TransportProvider } from "@connectrpc/connect-query";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { createSession, userIdOf } from "./auth/session.ts";
import { SessionProvider } from "./auth/use-session.tsx";
import { LanguageProvider } from "./i18n/language.tsx";
import { router } from "./router.tsx";
import { failureOf, isTransient } from "./rpc/failure.ts";
import { createTransport } from "./rpc/transport.ts";
import type { SiteConfig } from "./site-config.ts";
import { theme } from "./theme.ts";
import { SiteConfigProvider } from "./use-site-config.tsx";

/** Wires what all pages share. */
export function App({ config }: { config: SiteConfig }) {
  const [session] = useState(() => createSession(config));
  const [transport] = useState(() => createTransport(session, config.traceRatio));
  const [queries] = useState(createQueries);
  useEffect(() => {
    void session.restore();
    let before = session.state();
    return session.subscribe(() => {
      const after = session.state();
      const [former, next] = [userIdOf(before), userIdOf(after)];
      // What one person has read is not for the next. Until it is known who is here, nothing personal is read.
      if (before.kind !== "unknown" && former !== next) {
        if (former !== undefined && next !== undefined) {
          // No page is left for it: those that are open read everything again, and what waits to be sent is not.
          queries.getMutationCache().clear();
          void queries.resetQueries();
        }
        // Once the pages that showed it are gone: what they ask for must not be asked again by somebody else.
        setTimeout(() => queries.removeQueries({ type: "inactive" }));
      }
      before = after;
    });
  }, [session, queries]);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <SiteConfigProvider config={config}>
        <LanguageProvider>
          <SessionProvider session={session}>
            <TransportProvider transport={transport}>
              <QueryClientProvider client={queries}>
                <RouterProvider router={router} />
              </QueryClientProvider>
            </TransportProvider>
          </SessionProvider>
        </LanguageProvider>
      </SiteConfigProvider>
    </MantineProvider>
  );
}

function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // Only what may succeed later; the page shows everything else at once.
        retry: (count, error) => count < 3 && isTransient(failureOf(error)),
      },
    },
  });
}
