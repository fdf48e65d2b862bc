import { Alert, Anchor, Button, Group, Loader, Stack, Text, Title } from "@mantine/core";
import type { OrderChange } from "@sagacart/proto/order/v1/order";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useSession } from "../../../auth/use-session.tsx";
import { useTexts } from "../../../i18n/language.tsx";
import { useSiteConfig } from "../../../use-site-config.tsx";
import { useIsOperator } from "../../call.ts";
import { StepUpFailure } from "../../step-up-failure.tsx";
import { useShow } from "../../use-show.ts";
import { readTrace } from "./read-trace.ts";
import { traceIdsOf, traceUrl } from "./trace-ids.ts";
import { traceTexts } from "./trace-texts.ts";
import classes from "./waterfall.module.css";
import { Waterfall } from "./waterfall.tsx";

/** The fragment of the order's address that leads to its trace. */
const traceAnchor = "trace";

type Given = { readonly changes: readonly OrderChange[]; readonly isFinal: boolean };

/** The button that leads to the trace of an order: elsewhere, where one is configured, or else on this page. */
export function TraceButton({ changes }: Pick<Given, "changes">) {
  const text = useTexts(traceTexts);
  const site = useSiteConfig();
  const isOperator = useIsOperator();
  const [first] = traceIdsOf(changes);
  if (!isOperator || first === undefined || (site.traceUrl === undefined && site.keepsTraces !== true)) {
    return null;
  }
  return site.traceUrl === undefined ? (
    <Button component="a" href={`#${traceAnchor}`} variant="default">
      {text.trace}
    </Button>
  ) : (
    <Button component="a" href={traceUrl(site.traceUrl, first)} target="_blank" rel="noreferrer" variant="default">
      {text.trace}
    </Button>
  );
}

/** Shows operators the trace of an order, where this shop keeps traces, and links to all its traces elsewhere. */
export function TraceSection({ changes, isFinal }: Given) {
  const text = useTexts(traceTexts);
  const { traceUrl: template, keepsTraces } = useSiteConfig();
  const isOperator = useIsOperator();
  const ids = traceIdsOf(changes);
  const section = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (location.hash === `#${traceAnchor}`) {
      section.current?.scrollIntoView();
    }
  }, []);
  if (!isOperator || (keepsTraces !== true && (template === undefined || ids.length === 0))) {
    return null;
  }
  return (
    <Stack
      component="section"
      id={traceAnchor}
      ref={section}
      gap="sm"
      aria-label={text.trace}
      className={classes.section}
    >
      <Title order={2} size="h4">
        {text.trace}
      </Title>
      {template !== undefined && (
        <Group gap="md">
          {ids.map((id) => (
            <Anchor key={id} href={traceUrl(template, id)} target="_blank" rel="noreferrer" size="sm">
              {id}
            </Anchor>
          ))}
        </Group>
      )}
      {keepsTraces === true &&
        (ids.length === 0 ? <Text size="sm">{text.noTrace}</Text> : <KeptTrace ids={ids} isFinal={isFinal} />)}
    </Stack>
  );
}

/** Spans come within a second of their end. Those of messages come when these are sent. */
const readsAtTheEnd = 5;

function KeptTrace({ ids, isFinal }: { ids: readonly string[]; isFinal: boolean }) {
  const text = useTexts(traceTexts);
  const { count, counted } = useShow();
  const { session } = useSession();
  const query = useQuery({
    queryKey: ["trace", ...ids, isFinal],
    queryFn: ({ signal }) => readTrace({ session }, ids, signal),
    placeholderData: (before) => before,
    refetchInterval: ({ state }) => (isFinal && state.dataUpdateCount >= readsAtTheEnd ? false : 2_000),
  });
  const { data, error, isFetching, refetch } = query;
  const failures = data?.spans.filter(({ isError }) => isError).length ?? 0;
  const size = counted(text.spans, data?.spans.length ?? 0);
  return (
    <>
      <StepUpFailure error={error} onRetry={refetch} />
      {data === undefined && error === null && <Loader size="sm" aria-label={text.readingTrace} />}
      {data !== undefined && data.spans.length === 0 && (
        <Text size="sm" role="status">
          {text.gone}
        </Text>
      )}
      {data !== undefined && data.spans.length > 0 && (
        <>
          <Group gap="md">
            <Text size="sm" data-testid="trace-size">
              {failures === 0 ? size : text.withErrors(size, count(failures))}
            </Text>
            {isFinal && (
              <Button size="compact-sm" variant="default" loading={isFetching} onClick={() => void refetch()}>
                {text.readAgain}
              </Button>
            )}
          </Group>
          {data.leftOut > 0 && (
            <Alert color="yellow" variant="outline" title={counted(text.without, data.leftOut)}>
              {text.larger}
            </Alert>
          )}
          <Waterfall spans={data.spans} />
        </>
      )}
    </>
  );
}
