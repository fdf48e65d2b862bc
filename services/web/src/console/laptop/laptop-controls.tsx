import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, NumberInput, Stack, Text, Title } from "@mantine/core";
import type { Load, Process } from "@sagacart/proto/launcher/v1/launcher";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTexts } from "../../i18n/language.tsx";
import { failureOf } from "../../rpc/failure.ts";
import { useCall } from "../call.ts";
import { type Column, Rows, Waiting } from "../list.tsx";
import { Preformatted } from "../outgoing/messages-page.tsx";
import { StepUpFailure } from "../step-up-failure.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { laptopTexts } from "./laptop-texts.ts";

/** What the launcher of a laptop does for operators: it kills processes, which it starts again, and loads the shop. */
export function LaptopControls() {
  const text = useTexts(laptopTexts);
  const query = useQuery(LauncherService.method.getLauncher, {}, { refetchInterval: 1_000, staleTime: 0 });
  return (
    <>
      <Title order={2} size="h4">
        {text.killProcess}
      </Title>
      <Text size="sm">{text.killExplanation}</Text>
      <Waiting query={query} label={text.theProcesses} />
      {query.data !== undefined && (
        <>
          <Processes processes={query.data.processes} />
          <LoadControls load={query.data.load} />
        </>
      )}
    </>
  );
}

function Processes({ processes }: { processes: readonly Process[] }) {
  const text = useTexts(laptopTexts);
  const { count } = useShow();
  const call = useCall();
  const queries = useQueryClient();
  const kill = useMutation({
    mutationFn: async (name: string) => {
      try {
        await call(LauncherService.method.killProcess, { name });
      } catch (error) {
        // The gateway itself is gone, and with it the answer.
        if (name !== "gateway" || failureOf(error).code !== Code.Unavailable) {
          throw error;
        }
      }
    },
    onSettled: () => queries.invalidateQueries(),
  });
  const columns: readonly Column<Process>[] = [
    { head: text.process, cell: ({ name }) => name },
    {
      head: text.state,
      cell: ({ running }) => (
        <ToneBadge tone={running ? "good" : "bad"}>{running ? text.running : text.beingStarted}</ToneBadge>
      ),
    },
    { head: text.processId, cell: ({ pid }) => (pid === 0 ? "–" : pid), numeric: true },
    { head: text.unexpectedEnds, cell: ({ unexpectedEnds }) => count(unexpectedEnds), numeric: true },
    {
      head: text.kill,
      cell: ({ name, running }) => (
        <Button
          size="xs"
          variant="outline"
          color="red"
          disabled={!running || kill.isPending}
          onClick={() => kill.mutate(name)}
          aria-label={text.killOne(name)}
        >
          {text.kill}
        </Button>
      ),
    },
  ];
  return (
    <>
      <StepUpFailure error={kill.error} />
      <Rows label={text.processes} rows={processes} keyOf={({ name }) => name} columns={columns} />
    </>
  );
}

function LoadControls({ load }: { load: Load | undefined }) {
  const text = useTexts(laptopTexts);
  const { count, span, time } = useShow();
  const call = useCall();
  const queries = useQueryClient();
  const [rate, setRate] = useState<string | number>(20);
  const [seconds, setSeconds] = useState<string | number>(30);
  const start = useMutation({
    mutationFn: () =>
      call(LauncherService.method.startLoad, {
        checkoutsPerSecond: Math.trunc(Number(rate)),
        duration: durationFromMs(Math.round(Number(seconds) * 1_000)),
      }),
    onSettled: () => queries.invalidateQueries(),
  });
  const stop = useMutation({
    mutationFn: () => call(LauncherService.method.stopLoad, {}),
    onSettled: () => queries.invalidateQueries(),
  });
  const run = load?.run;
  const isRunning = run !== undefined && run.endTime === undefined;
  return (
    <Stack component="section" aria-label={text.load} gap="xs">
      <Title order={2} size="h4">
        {text.load}
      </Title>
      <Text size="sm">{text.loadExplanation}</Text>
      <Group align="flex-end">
        <NumberInput label={text.rate} size="xs" min={1} max={500} value={rate} onChange={setRate} />
        <NumberInput label={text.seconds} size="xs" min={1} max={600} value={seconds} onChange={setSeconds} />
        <Button
          size="xs"
          variant="default"
          loading={start.isPending}
          disabled={isRunning}
          onClick={() => start.mutate()}
        >
          {text.start}
        </Button>
        <Button size="xs" variant="default" disabled={!isRunning || stop.isPending} onClick={() => stop.mutate()}>
          {text.stop}
        </Button>
      </Group>
      <StepUpFailure
        error={start.error ?? stop.error}
        names={{ checkouts_per_second: text.rate, duration: text.seconds }}
      />
      {load !== undefined && run !== undefined && (
        <>
          <Text size="sm" role="status">
            {run.endTime === undefined
              ? text.runningSince(count(load.checkoutsPerSecond), span(load.duration), time(run.startTime))
              : text.ended(count(load.checkoutsPerSecond), span(load.duration), time(run.endTime), run.end)}
          </Text>
          {run.lines.length > 0 && <Preformatted label={text.output} text={run.lines.join("\n")} />}
        </>
      )}
    </Stack>
  );
}
