import { Alert, Button, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useSession } from "../auth/use-session.tsx";
import { useLanguage, useTexts } from "../i18n/language.tsx";
import { failureOf } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useAddress } from "./address.ts";
import { failureSentences } from "./failure-sentences.ts";
import { PageError } from "./page-error.ts";
import { stepUpOf } from "./step-up.ts";
import { stepUpTexts } from "./step-up-texts.ts";

/** Shows what a call failed with. If a fresh sign-in would help, it offers to sign in again and come back. */
export function StepUpFailure({
  error,
  names,
  onRetry,
  onLeave,
}: {
  error: unknown;
  names?: Readonly<Record<string, string>>;
  onRetry?: () => unknown;
  /** Called before the page is left. */
  onLeave?: () => void;
}) {
  const { session } = useSession();
  const { href } = useAddress();
  const { language } = useLanguage();
  const text = useTexts(stepUpTexts);
  const signIn = useMutation({
    mutationFn: async () => {
      onLeave?.();
      await session.signIn(href, { fresh: true });
    },
  });
  const stepUp = error === undefined || error === null ? undefined : stepUpOf(failureOf(error), language);
  if (stepUp === undefined) {
    const more = { ...(names === undefined ? {} : { names }), ...(onRetry === undefined ? {} : { onRetry }) };
    return <FailureAlert error={PageError.in(language, error)} sentences={failureSentences[language]} {...more} />;
  }
  return (
    <Alert color="indigo" variant="outline" title={text.title} data-reason={failureOf(error).reason}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{stepUp.sentence}</Text>
        <FailureAlert error={signIn.error} />
        <Button size="xs" onClick={() => signIn.mutate()}>
          {text.signInAgain}
        </Button>
      </Stack>
    </Alert>
  );
}
