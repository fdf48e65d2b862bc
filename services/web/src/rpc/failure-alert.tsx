import { Alert, Button, Stack, Text } from "@mantine/core";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { failureOf } from "./failure.ts";
import { failureTexts } from "./failure-text.ts";

const texts: Texts<{ again: string; title: string }> = {
  en: { title: "That did not work", again: "Try again" },
  de: { title: "Das hat nicht geklappt", again: "Noch einmal versuchen" },
};

/** Shows what a call failed with; nothing without an error. Screen readers announce it. */
export function FailureAlert(given: {
  error: unknown;
  onRetry?: () => unknown;
  /** The page's words for fields of the request. */
  names?: Readonly<Record<string, string>>;
  /** The page's sentences for reasons that the shop has none for; the service's own is shown below them. */
  sentences?: Readonly<Record<string, string>>;
}) {
  const { language } = useLanguage();
  const text = useTexts(texts);
  if (given.error === null || given.error === undefined) {
    return null;
  }
  const failure = failureOf(given.error);
  const own = given.sentences?.[failure.reason];
  return (
    <Alert color="red" variant="outline" title={text.title} data-reason={failure.reason}>
      <Stack gap="xs" align="flex-start">
        {[...(own === undefined ? [] : [own]), ...failureTexts(failure, language, given.names)].map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        {given.onRetry !== undefined && (
          <Button size="xs" variant="default" onClick={() => given.onRetry?.()}>
            {text.again}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
