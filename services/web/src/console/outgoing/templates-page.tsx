import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import type { Template } from "@sagacart/proto/notifier/v1/template";
import { type PreviewTemplateResponse, TemplateService } from "@sagacart/proto/notifier/v1/template_service";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTexts } from "../../i18n/language.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import { keepDraft, takeDraft } from "../draft.ts";
import { type Column, Facts, Heading, ListPage, listOptions, Waiting } from "../list.tsx";
import { StepUpFailure } from "../step-up-failure.tsx";
import { To } from "../to.tsx";
import { useDraftPlace } from "../use-draft-place.ts";
import { useShow } from "../use-show.ts";
import { Preformatted } from "./messages-page.tsx";
import { outgoingTexts } from "./outgoing-texts.ts";

/** The templates of the messages to customers. */
export function TemplatesPage() {
  const text = useTexts(outgoingTexts);
  const columns = useColumns();
  const { texts } = useAddress("page");
  const query = useQuery(TemplateService.method.listTemplates, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title={text.templates}
      query={query}
      rowsOf={({ templates }) => templates}
      keyOf={({ eventType, language }) => `${eventType} ${language}`}
      columns={columns}
      empty={text.noTemplate}
    />
  );
}

function useColumns(): readonly Column<Template>[] {
  const text = useTexts(outgoingTexts);
  const { count, time } = useShow();
  return [
    {
      head: text.event,
      cell: ({ eventType, language }) => <To parts={["templates", eventType, language]}>{eventType}</To>,
    },
    { head: text.language, cell: ({ language }) => language },
    { head: text.subject, cell: ({ subject }) => subject },
    {
      head: text.version,
      cell: ({ version, builtIn }) => (builtIn ? text.asItCame(count(version)) : count(version)),
      numeric: true,
    },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
  ];
}

/** One template: edit it, see what a customer would get, save it. */
export function TemplatePage() {
  const text = useTexts(outgoingTexts);
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
      <Waiting query={query} label={text.theTemplate} />
      {template !== undefined && <Editor loaded={template} />}
    </Stack>
  );
}

/** Keeps what is typed, whatever is read meanwhile. The services refuse to save it over a version that it has not seen. */
function Editor({ loaded }: { loaded: Template }) {
  const text = useTexts(outgoingTexts);
  const { count, time } = useShow();
  const call = useCall();
  const queries = useQueryClient();
  const [template, setTemplate] = useState(loaded);
  const { eventType, language, version } = template;
  const place = useDraftPlace(`edit ${version}`);
  const [parts, setParts] = useState(() => {
    const { subject, mjml, text: textPart } = template;
    return { subject, mjml, text: textPart, ...takeDraft(sessionStorage, place)?.values };
  });
  const [preview, setPreview] = useState<PreviewTemplateResponse>();
  const [error, setError] = useState<unknown>();
  const [isSaved, setSaved] = useState(false);
  const [busy, setBusy] = useState<"" | "preview" | "save">("");
  const attempt = async (what: "preview" | "save", run: () => Promise<void>) => {
    setBusy(what);
    setError(undefined);
    setSaved(false);
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
      setSaved(true);
      // Not awaited: it is saved, and a list that is slow to read does not change that.
      void queries.invalidateQueries();
    });
  return (
    <Stack>
      <Facts
        facts={[
          [text.version, template.builtIn ? text.asItCameWithShop(count(version)) : count(version)],
          [text.created, time(template.createTime)],
        ]}
      />
      <TextInput
        label={text.subject}
        maxLength={1_000}
        value={parts.subject}
        onChange={({ currentTarget }) => setParts({ ...parts, subject: currentTarget.value })}
      />
      <Textarea
        label={text.textPart}
        rows={10}
        maxLength={65_536}
        value={parts.text}
        onChange={({ currentTarget }) => setParts({ ...parts, text: currentTarget.value })}
      />
      <Textarea
        label={text.htmlPart}
        rows={16}
        maxLength={65_536}
        value={parts.mjml}
        onChange={({ currentTarget }) => setParts({ ...parts, mjml: currentTarget.value })}
      />
      <Group>
        <Button variant="default" loading={busy === "preview"} disabled={busy === "save"} onClick={() => void show()}>
          {text.preview}
        </Button>
        <Button loading={busy === "save"} disabled={busy === "preview"} onClick={() => void save()}>
          {text.save}
        </Button>
      </Group>
      <StepUpFailure
        error={error}
        onLeave={() => keepDraft(sessionStorage, place, { values: parts, unanswered: [] })}
      />
      {isSaved && <Text role="status">{text.saved}</Text>}
      {preview !== undefined && (
        <Stack gap="xs">
          <Title order={2} size="h4">
            {text.whatCustomerGets}
          </Title>
          <Facts facts={[[text.subject, preview.subject]]} />
          <Preformatted label={text.previewText} text={preview.text} />
          <Preformatted label={text.previewHtml} text={preview.html} />
        </Stack>
      )}
    </Stack>
  );
}
