import { Button, Checkbox, Group, Modal, NativeSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { newRequestId } from "../rpc/request-id.ts";
import { useAddress } from "./address.ts";
import { type Draft, keepDraft, takeDraft } from "./step-up.ts";
import { StepUpFailure } from "./step-up-failure.tsx";

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
  /** What happens, in a sentence or two. */
  readonly explanation?: ReactNode;
  readonly fields?: readonly ActionField[];
  readonly danger?: boolean;
  /** The name of the call's fields that differ from the form's. */
  readonly names?: Readonly<Record<string, string>>;
  /** Does it. The request id stays the same until it has succeeded, so that a repeat happens once. */
  run(values: Readonly<Record<string, string>>, requestId: string): Promise<unknown>;
  /** Called with the answer; by default the form closes. Return true to keep it open and show `result`. */
  readonly onDone?: (answer: unknown) => void;
};

/**
 * A button and the form that it opens. The open form is part of the address, so that a person who has to sign in again for
 * the action comes back to it, with what they had typed.
 */
export function Action(props: ActionProps) {
  const { name, label, danger = false } = props;
  const { texts, set } = useAddress("do");
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
      <Modal
        opened={texts.do === name}
        onClose={() => set({ do: undefined }, { replace: true })}
        title={label}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <ActionForm {...props} onClose={() => set({ do: undefined }, { replace: true })} />
      </Modal>
    </>
  );
}

function ActionForm({
  label,
  explanation,
  fields = [],
  danger,
  names,
  run,
  onDone,
  onClose,
}: ActionProps & { onClose: () => void }) {
  const queries = useQueryClient();
  const { href } = useAddress();
  const [draft, setDraft] = useState<Draft>(
    () => takeDraft(sessionStorage, href) ?? { values: initialValues(fields), requestId: newRequestId() },
  );
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const answer = await run(draft.values, draft.requestId);
      await queries.invalidateQueries();
      if (mounted.current) {
        onClose();
        onDone?.(answer);
      }
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
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
          onLeave={() => keepDraft(sessionStorage, href, draft)}
        />
        <Group justify="flex-end">
          <Button variant="default" size="sm" onClick={onClose}>
            Back
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
