import { useQuery } from "@connectrpc/connect-query";
import { Stack, Text, Title } from "@mantine/core";
import type { Consumer } from "@sagacart/proto/event/v1/consumer";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { useMemo } from "react";
import { useSession } from "../../auth/use-session.tsx";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { callBy, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Filters, Heading, listOptions, Paged } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { readPosition } from "../whole-number.ts";
import { indented } from "./deliveries-page.tsx";
import { type FeedName, feedNames, feedTransport } from "./feed-transport.ts";
import { outgoingTexts } from "./outgoing-texts.ts";

/** The feeds of events and who reads them. */
export function FeedsPage() {
  const text = useTexts(outgoingTexts);
  return (
    <Stack>
      <Heading title={text.feeds} />
      <Text size="sm">{text.feedsExplanation}</Text>
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
  const text = useTexts(outgoingTexts);
  const consumerColumns = useConsumerColumns();
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
      label={text.consumersOf(feed)}
      query={query}
      rowsOf={({ consumers }) => consumers}
      keyOf={({ name }) => name}
      columns={[
        ...consumerColumns,
        { head: text.actions, cell: (consumer) => <Replay feed={feed} consumer={consumer} /> },
      ]}
      empty={text.noConsumer}
      pageName={pageName}
    />
  );
}

function useConsumerColumns(): readonly Column<Consumer>[] {
  const text = useTexts(outgoingTexts);
  const { count, counted, span, time } = useShow();
  return [
    { head: text.consumer, cell: ({ name }) => name },
    { head: text.behindBy, cell: ({ lagEvents }) => counted(text.lag, lagEvents), numeric: true },
    { head: text.oldestUnread, cell: ({ lag, lagEvents }) => (lagEvents === 0n ? "" : span(lag)), numeric: true },
    { head: text.position, cell: ({ position }) => count(position), numeric: true },
    { head: text.head, cell: ({ headPosition }) => count(headPosition), numeric: true },
    { head: text.lastSeen, cell: ({ seenTime }) => time(seenTime) },
    {
      head: text.lastReplay,
      cell: ({ replayTime, replayReason }) => (replayTime === undefined ? "" : `${time(replayTime)}: ${replayReason}`),
    },
  ];
}

function Replay({ feed, consumer: { name, generation, position } }: { feed: FeedName; consumer: Consumer }) {
  const text = useTexts(outgoingTexts);
  const { count } = useShow();
  const transport = useFeed(feed);
  const isOperator = useIsOperator();
  return isOperator ? (
    <Action
      name={`replay-${feed}-${name}`}
      label={text.replay}
      explanation={text.replayExplanation(name, count(position))}
      fields={[
        { name: "after", label: text.afterPosition, kind: "number", required: true, initial: String(position) },
        { name: "reason", label: text.reason, required: true, maxLength: 500 },
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
  const text = useTexts(outgoingTexts);
  const name = usePathPart("feed");
  const feed = feedNames.find((known) => known === name);
  return feed === undefined ? <Heading title={text.noFeed(name)} /> : <Events feed={feed} />;
}

function Events({ feed }: { feed: FeedName }) {
  const text = useTexts(outgoingTexts);
  const eventColumns = useEventColumns();
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
      <Heading title={text.feedOf(feed)} />
      <Filters
        filters={[
          { name: "type", label: text.typeOfEvent },
          { name: "after", label: text.afterPosition },
        ]}
      />
      <Paged
        label={text.events}
        query={query}
        rowsOf={({ events }) => events}
        keyOf={({ id }) => id}
        columns={eventColumns}
        empty={text.noEventAtEnd(upTo)}
        emptyPage={text.noEventYet(upTo)}
        pageName="after"
      />
      <Title order={2} size="h4">
        {text.consumers}
      </Title>
      <Consumers feed={feed} />
    </Stack>
  );
}

function useEventColumns(): readonly Column<Event>[] {
  const text = useTexts(outgoingTexts);
  const { time } = useShow();
  return [
    { head: text.position, cell: ({ position }) => String(position), numeric: true },
    { head: text.type, cell: ({ type }) => type },
    { head: text.about, cell: ({ subject }) => subject },
    { head: text.sequence, cell: ({ sequence }) => String(sequence), numeric: true },
    { head: text.time, cell: ({ time: at }) => time(at) },
    {
      head: text.data,
      cell: ({ data, type, position }) => (
        <details>
          <summary aria-label={text.showData(type, String(position))}>{text.show}</summary>
          <pre className={classes.code}>{indented(data)}</pre>
        </details>
      ),
    },
  ];
}
