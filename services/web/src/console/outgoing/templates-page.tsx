import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import type { Template } from "@sagacart/proto/notifier/v1/template";
import { type PreviewTemplateResponse, TemplateService } from "@sagacart/proto/notifier/v1/template_service";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import { keepDraft, takeDraft } from "../draft.ts";
import { type Column, Facts, Heading, ListPage, listOptions, Waiting } from "../list.tsx";
import { time } from "../show.ts";
import { StepUpFailure } from "../step-up-failure.tsx";
import { To } from "../to.tsx";
import { useDraftPlace } from "../use-draft-place.ts";
import { Preformatted } from "./messages-page.tsx";

/** The templates of the messages to customers. */
export function TemplatesPage() {
  const { texts } = useAddress("page");
  const query = useQuery(TemplateService.method.listTemplates, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title="Templates"
      query={query}
      rowsOf={({ templates }) => templates}
      keyOf={({ eventType, language }) => `${eventType} ${language}`}
      columns={columns}
      empty="There are no templates."
    />
  );
}

const columns: readonly Column<Template>[] = [
  { head: "Event", cell: ({ eventType, language }) => <To parts={["templates", eventType, language]}>{eventType}</To> },
  { head: "Language", cell: ({ language }) => language },
  { head: "Subject", cell: ({ subject }) => subject },
  { head: "Version", cell: ({ version, builtIn }) => `${version}${builtIn ? ", as it came" : ""}`, numeric: true },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
];

/** One template: edit it, see what a customer would get, save it. */
export function TemplatePage() {
  const eventType = usePathPart("event");
  const language = usePathPart("language");
  const query = useQuery(
    TemplateService.method.getTemplate,
    { eventType, language },
    // The editor begins with what is read first, so that must not be an old answer from the cache.
    { gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false },
  );
  const template = query.data?.template;
  return (
    <Stack>
      <Heading title={`${eventType} (${language})`} />
      <Waiting query={query} label="the template" />
      {template !== undefined && <Editor loaded={template} />}
    </Stack>
  );
}

/** Keeps what is typed, whatever is read meanwhile. The services refuse to save it over a version that it has not seen. */
function Editor({ loaded }: { loaded: Template }) {
  const call = useCall();
  const queries = useQueryClient();
  const [template, setTemplate] = useState(loaded);
  const { eventType, language, version } = template;
  const place = useDraftPlace(`edit ${version}`);
  const [parts, setParts] = useState(() => {
    const { subject, mjml, text } = template;
    return { subject, mjml, text, ...takeDraft(sessionStorage, place)?.values };
  });
  const [preview, setPreview] = useState<PreviewTemplateResponse>();
  const [error, setError] = useState<unknown>();
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState<"" | "preview" | "save">("");
  const attempt = async (what: "preview" | "save", run: () => Promise<void>) => {
    setBusy(what);
    setError(undefined);
    setNote("");
    await run().catch(setError);
    setBusy("");
  };
  const show = () =>
    attempt("preview", async () => {
      setPreview(await call(TemplateService.method.previewTemplate, { eventType, language, ...parts }));
    });
  const save = () =>
    attempt("save", async () => {
      const saved = await call(TemplateService.method.updateTemplate, { eventType, language, version, ...parts });
      setTemplate(saved.template ?? template);
      setNote("Saved. Messages that are created from now on use it.");
      // Not awaited: it is saved, and a list that is slow to read does not change that.
      void queries.invalidateQueries();
    });
  return (
    <Stack>
      <Facts
        facts={[
          ["Version", template.builtIn ? `${version}, as it came with the shop` : version],
          ["Created", time(template.createTime)],
        ]}
      />
      <TextInput
        label="Subject"
        maxLength={1_000}
        value={parts.subject}
        onChange={({ currentTarget }) => setParts({ ...parts, subject: currentTarget.value })}
      />
      <Textarea
        label="Text part"
        rows={10}
        maxLength={65_536}
        value={parts.text}
        onChange={({ currentTarget }) => setParts({ ...parts, text: currentTarget.value })}
      />
      <Textarea
        label="HTML part, in MJML"
        rows={16}
        maxLength={65_536}
        value={parts.mjml}
        onChange={({ currentTarget }) => setParts({ ...parts, mjml: currentTarget.value })}
      />
      <Group>
        <Button variant="default" loading={busy === "preview"} disabled={busy === "save"} onClick={() => void show()}>
          Preview
        </Button>
        <Button loading={busy === "save"} disabled={busy === "preview"} onClick={() => void save()}>
          Save
        </Button>
      </Group>
      <StepUpFailure
        error={error}
        onLeave={() => keepDraft(sessionStorage, place, { values: parts, unanswered: [] })}
      />
      {note !== "" && <Text role="status">{note}</Text>}
      {preview !== undefined && (
        <Stack gap="xs">
          <Title order={2} size="h4">
            What a customer would get
          </Title>
          <Facts facts={[["Subject", preview.subject]]} />
          <Preformatted label="Text part of the preview" text={preview.text} />
          <Preformatted label="HTML part of the preview" text={preview.html} />
        </Stack>
      )}
    </Stack>
  );
}
