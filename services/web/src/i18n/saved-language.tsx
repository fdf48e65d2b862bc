import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { failureOf, isTransient } from "../rpc/failure.ts";
import { languages, useLanguage } from "./language.tsx";
import { type Known, nextStep } from "./language-step.ts";

/**
 * Keeps the language of the pages as the preference of who is signed in, which is that of the messages, too: what was chosen
 * before, in any browser, is applied at a sign-in, and what is chosen from then on is saved. Shows nothing.
 */
export function SavedLanguage({ customerId }: { customerId: string }) {
  const { language, choose } = useLanguage();
  const queries = useQueryClient();
  const { data } = useQuery(PreferenceService.method.getPreferences, { customerId });
  const { mutate, isPending } = useMutation(PreferenceService.method.updatePreferences, {
    retry: (count, error) => count < 3 && isTransient(failureOf(error)),
    onSettled: () =>
      queries.invalidateQueries({
        queryKey: createConnectQueryKey({ schema: PreferenceService, cardinality: undefined }),
      }),
  });
  const known = useRef<Known>({ seen: "", sent: "" });
  const preferences = data?.preferences;
  useEffect(() => {
    if (preferences === undefined || isPending) {
      return;
    }
    const saved = preferences.languageChosen ? preferences.language : "";
    const step = nextStep({ saved, shown: language, known: known.current });
    known.current = step.known;
    const applied = languages.find((each) => each === step.apply);
    if (applied !== undefined) {
      choose(applied);
    }
    if (step.save !== undefined) {
      mutate({ customerId, language: step.save });
    }
  }, [preferences, isPending, language, choose, mutate, customerId]);
  return null;
}
