import { createClient } from "@connectrpc/connect";
import { createConnectQueryKey, useInfiniteQuery, useTransport } from "@connectrpc/connect-query";
import { Badge, Button, Group, Loader, Text } from "@mantine/core";
import type { InboxMessage } from "@sagacart/proto/notifier/v1/inbox";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { formatTime } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import classes from "./inbox-page.module.css";
import { OwnPage } from "./own-page.tsx";

type InboxTexts = {
  readonly title: string;
  readonly none: string;
  readonly unread: (count: bigint) => string;
  readonly isNew: string;
  readonly read: string;
  readonly readAll: string;
  readonly remove: string;
  readonly order: string;
  readonly more: string;
  readonly signIn: string;
};

const texts: Texts<InboxTexts> = {
  en: {
    title: "Inbox",
    none: "There are no messages.",
    unread: (count) => `${count} unread`,
    isNew: "new",
    read: "Mark as read",
    readAll: "Mark all as read",
    remove: "Delete",
    order: "The order",
    more: "Show more",
    signIn: "Sign in to see your messages.",
  },
  de: {
    title: "Posteingang",
    none: "Es gibt keine Nachrichten.",
    unread: (count) => `${count} ungelesen`,
    isNew: "neu",
    read: "Als gelesen markieren",
    readAll: "Alle als gelesen markieren",
    remove: "Löschen",
    order: "Zur Bestellung",
    more: "Mehr anzeigen",
    signIn: "Melden Sie sich an, um Ihre Nachrichten zu sehen.",
  },
};

/** The messages that the shop has sent to its customer. */
export function InboxPage() {
  const text = useTexts(texts);
  return (
    <OwnPage size="md" text={text}>
      {(customerId) => <Messages customerId={customerId} />}
    </OwnPage>
  );
}

function Messages({ customerId }: { customerId: string }) {
  const text = useTexts(texts);
  const inbox = createClient(InboxService, useTransport());
  const queries = useQueryClient();
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery(
    InboxService.method.listInboxMessages,
    { customerId, pageSize: 20, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
      refetchInterval: 10_000,
    },
  );
  const settle = {
    onSettled: () =>
      queries.invalidateQueries({ queryKey: createConnectQueryKey({ schema: InboxService, cardinality: undefined }) }),
  };
  const read = useMutation({ mutationFn: (id: string) => inbox.markRead({ customerId, id }), ...settle });
  const remove = useMutation({ mutationFn: (id: string) => inbox.deleteInboxMessage({ customerId, id }), ...settle });
  const first = data?.pages[0];
  const readAll = useMutation({
    // Only those that are shown: one that has come since stays unread.
    mutationFn: () => inbox.markAllRead({ customerId, sequence: first?.sequence ?? 0n }),
    ...settle,
  });
  const messages = data?.pages.flatMap((page) => page.messages) ?? [];
  return (
    <>
      {isPending && <Loader aria-label={text.title} />}
      <FailureAlert error={error} onRetry={refetch} />
      <FailureAlert error={read.error} onRetry={() => again(read)} />
      <FailureAlert error={remove.error} onRetry={() => again(remove)} />
      <FailureAlert error={readAll.error} onRetry={() => readAll.mutate()} />
      {data !== undefined && messages.length === 0 && <Text role="status">{text.none}</Text>}
      {first !== undefined && first.unreadCount > 0n && (
        <Group>
          <Text>{text.unread(first.unreadCount)}</Text>
          <Button size="xs" variant="default" loading={readAll.isPending} onClick={() => readAll.mutate()}>
            {text.readAll}
          </Button>
        </Group>
      )}
      <ul className={classes.messages}>
        {messages.map((message) => (
          <Message key={message.id} message={message} onRead={read.mutate} onRemove={remove.mutate} />
        ))}
      </ul>
      {hasNextPage && (
        <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {text.more}
        </Button>
      )}
    </>
  );
}

/** Tries once more what has failed, with the message that it was about. */
function again(failed: { readonly variables: string | undefined; mutate(id: string): void }): void {
  if (failed.variables !== undefined) {
    failed.mutate(failed.variables);
  }
}

function Message(given: { message: InboxMessage; onRead: (id: string) => void; onRemove: (id: string) => void }) {
  const { id, subject, text: body, orderId, createTime, readTime, language: written } = given.message;
  const text = useTexts(texts);
  const { language } = useLanguage();
  return (
    <li className={classes.message}>
      <Group justify="space-between">
        <Text component="h2" fw={600} lang={written}>
          {subject}
        </Text>
        {readTime === undefined && <Badge variant="outline">{text.isNew}</Badge>}
      </Group>
      <Text size="sm" c="dimmed">
        {createTime && formatTime(createTime, language)}
      </Text>
      <Text size="sm" className={classes.body} lang={written}>
        {body}
      </Text>
      <Group gap="md" mt="xs">
        {orderId !== "" && (
          <PageLink to="/shop/orders/$orderId" params={{ orderId }} size="sm">
            {text.order}
          </PageLink>
        )}
        {readTime === undefined && (
          <Button size="compact-sm" variant="subtle" onClick={() => given.onRead(id)}>
            {text.read}
          </Button>
        )}
        <Button size="compact-sm" variant="subtle" color="red" onClick={() => given.onRemove(id)}>
          {text.remove}
        </Button>
      </Group>
    </li>
  );
}
