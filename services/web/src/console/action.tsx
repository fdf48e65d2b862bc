import { Alert, Button, Checkbox, Group, Modal, NativeSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTexts } from "../i18n/language.tsx";
import { failureOf } from "../rpc/failure.ts";
import { actionTexts } from "./action-texts.ts";
import { useAddress } from "./address.ts";
import { afterFailure, attemptOf, type Draft, dropDraft, keepDraft, sending, takeDraft } from "./draft.ts";
import { StepUpFailure } from "./step-up-failure.tsx";
import { useDraftPlace } from "./use-draft-place.ts";

/** An input of an action's form. */
export type ActionField = {
  readonly name: string;
  readonly label: string;
  readonly kind?: "text" | "area" | "code" | "number" | "check" | "select" | "datetime-local";
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  readonly description?: string;
  readonly required?: boolean;
  readonly initial?: string;
  readonly maxLength?: number;
};

export type ActionProps = {
  /** The action's name in the address: `?do=refund`. Unique on the page. */
  readonly name: string;
  readonly label: string;
  /** A sentence or two about what happens. */
  readonly explanation?: ReactNode;
  readonly fields?: readonly ActionField[];
  readonly danger?: boolean;
  /** The name of the call's fields that differ from the form's. */
  readonly names?: Readonly<Record<string, string>>;
  /** Does it. A repeat of a call whose answer was lost has the same values and request id, so that it is done once. */
  run(values: Readonly<Record<string, string>>, requestId: string): Promise<unknown>;
  /** Called with the answer once the form is closed, unless the person has gone elsewhere meanwhile. */
  readonly onDone?: (answer: unknown) => void;
};

/**
 * A button and the form that it opens. The open form is part of the address, so that a person who has to sign in again for
 * the action comes back to it, with what they had typed.
 */
export function Action(props: ActionProps) {
  const { name, label, danger = false } = props;
  const text = useTexts(actionTexts);
  const { texts, set, remove } = useAddress("do");
  const close = () => remove("do", name);
  return (
    <>
      <Button
        size="xs"
        variant={danger ? "outline" : "default"}
        {...(danger ? { color: "red" } : {})}
        onClick={() => set({ do: name })}
      >
        {label}
      </Button>
      <Modal opened={texts.do === name} onClose={close} title={label} closeButtonProps={{ "aria-label": text.close }}>
        <ActionForm {...props} onClose={close} />
      </Modal>
    </>
  );
}

/** Closes the form. Returns false if the person is no longer where it was open. */
type Close = () => boolean;

function ActionForm({
  name,
  label,
  explanation,
  fields = [],
  danger,
  names,
  run,
  onDone,
  onClose,
}: ActionProps & { onClose: Close }) {
  const text = useTexts(actionTexts);
  const queries = useQueryClient();
  const place = useDraftPlace(name);
  const [draft, setDraft] = useState<Draft>(
    () => takeDraft(sessionStorage, place) ?? { values: initialValues(fields), unanswered: [] },
  );
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const attempt = attemptOf(draft);
    try {
      // Kept before it is sent: a form that is closed or loaded again must repeat this call, and not make another.
      keepDraft(sessionStorage, place, sending(draft, attempt));
      const answer = await run(attempt.values, attempt.requestId);
      dropDraft(sessionStorage, place);
      // The action may have gone with its own success, which another read has shown, so its form is closed in any case.
      if (onClose()) {
        onDone?.(answer);
      }
      // Not awaited: the action is done, and a list that is slow to read does not change that.
      void queries.invalidateQueries();
    } catch (thrown) {
      const after = afterFailure(draft, attempt, failureOf(thrown));
      if (after.unanswered.length === 0) {
        dropDraft(sessionStorage, place);
      } else {
        keepDraft(sessionStorage, place, after);
      }
      setDraft((current) => ({ ...current, unanswered: after.unanswered }));
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };
  const discard = () => {
    dropDraft(sessionStorage, place);
    setDraft({ values: initialValues(fields), unanswered: [] });
    setError(undefined);
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack gap="sm">
        {explanation !== undefined && <Text size="sm">{explanation}</Text>}
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={draft.values[field.name] ?? ""}
            onChange={(value) => setDraft({ ...draft, values: { ...draft.values, [field.name]: value } })}
          />
        ))}
        <StepUpFailure
          error={error}
          names={names ?? namesOfFields(fields)}
          onLeave={() => keepDraft(sessionStorage, place, draft)}
        />
        {draft.unanswered.length > 0 && !busy && (
          <Alert color="orange" variant="outline" title={text.maybeDone}>
            <Text size="sm">{text.answerLost}</Text>
            <Button size="xs" variant="default" mt="xs" onClick={discard}>
              {text.discard}
            </Button>
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" size="sm" onClick={onClose}>
            {text.back}
          </Button>
          <Button type="submit" size="sm" {...(danger === true ? { color: "red.9" } : {})} loading={busy}>
            {label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function FieldInput({
  field,
  value,
  onChange,
}: {
  field: ActionField;
  value: string;
  onChange: (value: string) => void;
}) {
  const { name, label, kind = "text", options = [], description, required = false, maxLength = 1_000 } = field;
  const common = { name, label, description, required, size: "sm" } as const;
  switch (kind) {
    case "check":
      return (
        <Checkbox
          name={name}
          label={label}
          description={description}
          checked={value === "yes"}
          onChange={({ currentTarget }) => onChange(currentTarget.checked ? "yes" : "")}
        />
      );
    case "select":
      return (
        <NativeSelect
          {...common}
          data={[...options]}
          value={value}
          onChange={({ currentTarget }) => onChange(currentTarget.value)}
        />
      );
    case "area":
    case "code":
      return (
        <Textarea
          {...common}
          rows={kind === "code" ? 12 : 3}
          styles={kind === "code" ? { input: { fontFamily: "var(--mantine-font-family-monospace)" } } : {}}
          maxLength={kind === "code" ? 65_536 : maxLength}
          value={value}
          onChange={({ currentTarget }) => onChange(currentTarget.value)}
        />
      );
    default:
      return (
        <TextInput
          {...common}
          type={kind}
          maxLength={maxLength}
          autoComplete="off"
          value={value}
          onChange={({ currentTarget }) => onChange(currentTarget.value)}
        />
      );
  }
}

function initialValues(fields: readonly ActionField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, initial, options }) => [name, initial ?? options?.[0]?.value ?? ""]));
}

function namesOfFields(fields: readonly ActionField[]): Record<string, string> {
  return Object.fromEntries(
    fields.map(({ name, label }) => [name.replace(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`), label]),
  );
}
