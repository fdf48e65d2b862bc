import { Container, Loader, Stack, Text } from "@mantine/core";
import { useRouter } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSession } from "./use-session.tsx";

const texts: Texts<{ wait: string }> = { en: { wait: "Signing in …" }, de: { wait: "Anmeldung …" } };

/** Where the issuer's page returns to: finishes the sign-in and goes on to where it began. */
export function SignedInPage() {
  const { session } = useSession();
  const router = useRouter();
  const text = useTexts(texts);
  const [error, setError] = useState<unknown>();
  const begun = useRef(false);
  useEffect(() => {
    // React runs effects twice in development, and a code can be used once.
    if (begun.current) {
      return;
    }
    begun.current = true;
    session
      .finishSignIn(new URL(location.href))
      .then((returnTo) => router.history.replace(returnTo))
      .catch(setError);
  }, [session, router]);
  return (
    <Container size="xs" py="xl">
      <Stack align="center">
        {error === undefined ? (
          <>
            <Loader />
            <Text role="status">{text.wait}</Text>
          </>
        ) : (
          <FailureAlert error={error} onRetry={() => session.signIn("/")} />
        )}
      </Stack>
    </Container>
  );
}
