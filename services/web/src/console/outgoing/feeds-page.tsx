import { useQuery } from "@connectrpc/connect-query";
import { Stack, Text, Title } from "@mantine/core";
import type { Consumer } from "@sagacart/proto/event/v1/consumer";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { useMemo } from "react";
import { useSession } from "../../auth/use-session.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { callBy, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Filters, Heading, listOptions, Paged } from "../list.tsx";
import { count, span, time } from "../show.ts";
import { To } from "../to.tsx";
import { readPosition } from "../whole-number.ts";
import { indented } from "./deliveries-page.tsx";
import { type FeedName, feedNames, feedTransport } from "./feed-transport.ts";

/** The feeds of events and who reads them. */
export function FeedsPage() {
  return (
    <Stack>
      <Heading title="Event feeds" />
      <Text size="sm">
        Each service tells what it committed in a feed of its own. A consumer is a position in a feed that has a name.
      </Text>
      {feedNames.map((feed) => (
        <Stack key={feed} gap="xs">
          <Title order={2} size="h4">
            <To parts={["feeds", feed]}>{feed}</To>
          </Title>
          <Consumers feed={feed} />
        </Stack>
      ))}
    </Stack>
  );
}

function useFeed(feed: FeedName) {
  const { session } = useSession();
  return useMemo(() => feedTransport(feed, session), [feed, session]);
}

/** The consumers of a feed, with how far behind they are. */
export function Consumers({ feed }: { feed: FeedName }) {
  const pageName = `${feed}-page`;
  const { texts } = useAddress(pageName);
  const transport = useFeed(feed);
  const query = useQuery(
    ConsumerService.method.listConsumers,
    { pageToken: texts[pageName] ?? "" },
    { transport, ...listOptions },
  );
  return (
    <Paged
      label={`Consumers of ${feed}`}
      query={query}
      rowsOf={({ consumers }) => consumers}
      keyOf={({ name }) => name}
      columns={[
        ...consumerColumns,
        { head: "Actions", cell: (consumer) => <Replay feed={feed} consumer={consumer} /> },
      ]}
      empty="Nobody reads this feed by a name."
      pageName={pageName}
    />
  );
}

const consumerColumns: readonly Column<Consumer>[] = [
  { head: "Consumer", cell: ({ name }) => name },
  { head: "Behind by", cell: ({ lagEvents }) => `${count(lagEvents)} events`, numeric: true },
  { head: "Oldest unread", cell: ({ lag, lagEvents }) => (lagEvents === 0n ? "" : span(lag)), numeric: true },
  { head: "Position", cell: ({ position }) => count(position), numeric: true },
  { head: "Head", cell: ({ headPosition }) => count(headPosition), numeric: true },
  { head: "Last seen", cell: ({ seenTime }) => time(seenTime) },
  {
    head: "Last replay",
    cell: ({ replayTime, replayReason }) => (replayTime === undefined ? "" : `${time(replayTime)}: ${replayReason}`),
  },
];

function Replay({ feed, consumer: { name, generation, position } }: { feed: FeedName; consumer: Consumer }) {
  const transport = useFeed(feed);
  const isOperator = useIsOperator();
  return isOperator ? (
    <Action
      name={`replay-${feed}-${name}`}
      label="Replay"
      explanation={`${name} reads again what comes after a position, at most ${count(position)}. Other consumers are not affected.`}
      fields={[
        { name: "after", label: "After position", kind: "number", required: true, initial: String(position) },
        { name: "reason", label: "Reason", required: true, maxLength: 500 },
      ]}
      run={({ after = "", reason = "" }) =>
        callBy(transport)(ConsumerService.method.replayConsumer, {
          name,
          generation,
          reason,
          target: { case: "afterPosition", value: readPosition(after) },
        })
      }
    />
  ) : null;
}

/** The events of one feed, from a position on. */
export function FeedPage() {
  const name = usePathPart("feed");
  const feed = feedNames.find((known) => known === name);
  return feed === undefined ? <Heading title={`There is no feed of ${name}`} /> : <Events feed={feed} />;
}

function Events({ feed }: { feed: FeedName }) {
  const { texts } = useAddress("type", "after");
  const transport = useFeed(feed);
  const after = /^\d{1,18}$/.test(texts.after ?? "") ? BigInt(texts.after ?? "0") : 0n;
  const query = useQuery(
    EventService.method.readEvents,
    { afterPosition: after, types: texts.type === undefined ? [] : [texts.type], pageSize: 50 },
    {
      transport,
      ...listOptions,
      // A page of a feed ends at a position. The last page is the one that does not move on: one read looks at a limited number
      // of positions, so that it may find no event of a type and still not be at the end.
      select: (page) => ({ ...page, nextPageToken: page.nextPosition > after ? String(page.nextPosition) : "" }),
    },
  );
  const upTo = String(query.data?.nextPosition ?? after);
  return (
    <Stack>
      <Heading title={`Feed of ${feed}`} />
      <Filters
        filters={[
          { name: "type", label: "Type of event" },
          { name: "after", label: "After position" },
        ]}
      />
      <Paged
        label="Events"
        query={query}
        rowsOf={({ events }) => events}
        keyOf={({ id }) => id}
        columns={eventColumns}
        empty={`There is no such event up to position ${upTo}, where the feed ends.`}
        emptyPage={`There is no such event up to position ${upTo}. There may be more on the next page.`}
        pageName="after"
      />
      <Title order={2} size="h4">
        Consumers
      </Title>
      <Consumers feed={feed} />
    </Stack>
  );
}

const eventColumns: readonly Column<Event>[] = [
  { head: "Position", cell: ({ position }) => String(position), numeric: true },
  { head: "Type", cell: ({ type }) => type },
  { head: "Subject", cell: ({ subject }) => subject },
  { head: "Sequence", cell: ({ sequence }) => String(sequence), numeric: true },
  { head: "Time", cell: ({ time: at }) => time(at) },
  {
    head: "Data",
    cell: ({ data, type, position }) => (
      <details>
        <summary aria-label={`Show the data of ${type} at ${position}`}>Show</summary>
        <pre className={classes.code}>{indented(data)}</pre>
      </details>
    ),
  },
];
