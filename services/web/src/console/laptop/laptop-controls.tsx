import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, NumberInput, Stack, Text, Title } from "@mantine/core";
import type { Load, Process } from "@sagacart/proto/launcher/v1/launcher";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { failureOf } from "../../rpc/failure.ts";
import { useCall } from "../call.ts";
import { type Column, Rows, Waiting } from "../list.tsx";
import { Preformatted } from "../outgoing/messages-page.tsx";
import { count, span, time } from "../show.ts";
import { StepUpFailure } from "../step-up-failure.tsx";
import { ToneBadge } from "../tone-badge.tsx";

/** What the launcher of a laptop does for operators: it kills processes, which it starts again, and loads the shop. */
export function LaptopControls() {
  const query = useQuery(LauncherService.method.getLauncher, {}, { refetchInterval: 1_000, staleTime: 0 });
  return (
    <>
      <Title order={2} size="h4">
        Kill a process
      </Title>
      <Text size="sm">As kill -9 does, in the middle of whatever it does. The launcher starts it again.</Text>
      <Waiting query={query} label="the processes" />
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
    { head: "Process", cell: ({ name }) => name },
    {
      head: "State",
      cell: ({ running }) => (
        <ToneBadge tone={running ? "good" : "bad"}>{running ? "running" : "being started"}</ToneBadge>
      ),
    },
    { head: "Process id", cell: ({ pid }) => (pid === 0 ? "–" : pid), numeric: true },
    { head: "Unexpected ends", cell: ({ unexpectedEnds }) => count(unexpectedEnds), numeric: true },
    {
      head: "Kill",
      cell: ({ name, running }) => (
        <Button
          size="xs"
          variant="outline"
          color="red"
          disabled={!running || kill.isPending}
          onClick={() => kill.mutate(name)}
          aria-label={`Kill ${name}`}
        >
          Kill
        </Button>
      ),
    },
  ];
  return (
    <>
      <StepUpFailure error={kill.error} />
      <Rows label="Processes" rows={processes} keyOf={({ name }) => name} columns={columns} />
    </>
  );
}

function LoadControls({ load }: { load: Load | undefined }) {
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
    <Stack component="section" aria-label="Load" gap="xs">
      <Title order={2} size="h4">
        Load
      </Title>
      <Text size="sm">
        Checkouts of products and customers of its own, who want twice what there is and have half of what it costs.
      </Text>
      <Group align="flex-end">
        <NumberInput label="Checkouts a second" size="xs" min={1} max={500} value={rate} onChange={setRate} />
        <NumberInput label="Seconds" size="xs" min={1} max={600} value={seconds} onChange={setSeconds} />
        <Button
          size="xs"
          variant="default"
          loading={start.isPending}
          disabled={isRunning}
          onClick={() => start.mutate()}
        >
          Start the load
        </Button>
        <Button size="xs" variant="default" disabled={!isRunning || stop.isPending} onClick={() => stop.mutate()}>
          Stop the load
        </Button>
      </Group>
      <StepUpFailure
        error={start.error ?? stop.error}
        names={{ checkouts_per_second: "Checkouts a second", duration: "Seconds" }}
      />
      {load !== undefined && run !== undefined && (
        <>
          <Text size="sm" role="status">
            {`${count(load.checkoutsPerSecond)} a second for ${span(load.duration)}, `}
            {run.endTime === undefined
              ? `running since ${time(run.startTime)}`
              : `ended ${time(run.endTime)} with ${run.end}`}
          </Text>
          {run.lines.length > 0 && <Preformatted label="Output of the load" text={run.lines.join("\n")} />}
        </>
      )}
    </Stack>
  );
}
