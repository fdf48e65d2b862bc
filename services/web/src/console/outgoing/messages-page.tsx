import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import { type MailboxMessage, type Message, Message_Channel, Message_State } from "@sagacart/proto/notifier/v1/message";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { optionsOf, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";

/** The messages to customers. */
export function MessagesPage() {
  const { texts } = useAddress("state", "channel", "order", "customer", "page");
  const query = useQuery(
    NotifierService.method.listMessages,
    {
      state: enumValue(Message_State, texts.state),
      channel: enumValue(Message_Channel, texts.channel),
      orderId: texts.order ?? "",
      customerId: texts.customer ?? "",
      pageToken: texts.page ?? "",
    },
    listOptions,
  );
  return (
    <ListPage
      title="Messages"
      query={query}
      rowsOf={({ messages }) => messages}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No message matches."
      filters={
        <Filters
          filters={[
            { name: "state", label: "State", kind: "select", options: optionsOf(Message_State) },
            { name: "channel", label: "Channel", kind: "select", options: optionsOf(Message_Channel) },
            { name: "order", label: "Order id" },
            { name: "customer", label: "Customer id" },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: Message_State }) {
  const tone = state === Message_State.SENT ? "good" : state === Message_State.FAILED ? "bad" : "neutral";
  return <ToneBadge tone={tone}>{words(Message_State, state)}</ToneBadge>;
}

const columns: readonly Column<Message>[] = [
  { head: "Subject", cell: ({ id, subject }) => <To parts={["messages", id]}>{subject || id}</To> },
  { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
  { head: "Channel", cell: ({ channel }) => words(Message_Channel, channel) },
  { head: "Recipient", cell: ({ recipient }) => recipient },
  { head: "Order", cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
  { head: "Attempts", cell: ({ attempts }) => attempts, numeric: true },
  { head: "Last error", cell: ({ lastError }) => <span className={classes.wrap}>{lastError}</span> },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
  { head: "Sent", cell: ({ sendTime }) => (sendTime === undefined ? "" : time(sendTime)) },
];

/** One message as it was written. */
export function MessagePage() {
  const id = usePathPart("id");
  const call = useCall();
  const query = useQuery(NotifierService.method.getMessage, { id }, { refetchInterval: refreshMs });
  const message = query.data?.message;
  return (
    <Stack>
      <Heading
        title={message?.subject || `Message ${id}`}
        actions={
          message?.state === Message_State.FAILED && (
            <Action name="retry" label="Send again" run={() => call(NotifierService.method.retryMessage, { id })} />
          )
        }
      />
      <Waiting query={query} label="the message" />
      {message !== undefined && (
        <>
          <Facts
            facts={[
              ["State", <StateBadge key="state" state={message.state} />],
              ["Last error, or why it is not sent", message.lastError],
              ["Channel", words(Message_Channel, message.channel)],
              ["Recipient", message.recipient],
              ["Language", message.language],
              [
                "Customer",
                message.customerId && (
                  <To key="customer" parts={["users", message.customerId]}>
                    {message.customerId}
                  </To>
                ),
              ],
              [
                "Order",
                message.orderId && (
                  <To key="order" parts={["orders", message.orderId]}>
                    {message.orderId}
                  </To>
                ),
              ],
              ["Cart", message.cartId],
              ["Event", message.eventType],
              ["Version of the template", message.templateVersion],
              ["Attempts", message.attempts],
              ["Created", time(message.createTime)],
              ["Sent", message.sendTime && time(message.sendTime)],
            ]}
          />
          <Title order={2} size="h4">
            Text
          </Title>
          <Preformatted label="Text of the message" text={message.text} />
        </>
      )}
    </Stack>
  );
}

/** A text as it is, which scrolls where it does not fit. */
export function Preformatted({ label, text }: { label: string; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className={classes.code} tabIndex={0} aria-label={label}>
      <pre>{text}</pre>
    </section>
  );
}

/** The mails that the local mail server kept, where no real mail is sent. */
export function MailboxPage() {
  const { texts, privateTexts } = useAddress("to", "page");
  const query = useQuery(
    MailboxService.method.listMailboxMessages,
    { to: privateTexts.to ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Mailbox"
      explanation="The mails that were sent on this machine. They stay here, and nobody else gets them."
      query={query}
      rowsOf={({ messages }) => messages}
      keyOf={({ id }) => id}
      columns={mailColumns}
      empty="No mail matches."
      filters={<Filters filters={[{ name: "to", label: "Recipient", private: true }]} />}
    />
  );
}

const mailColumns: readonly Column<MailboxMessage>[] = [
  { head: "Subject", cell: ({ id, subject }) => <To parts={["mailbox", id]}>{subject || id}</To> },
  { head: "To", cell: ({ to }) => to.join(", ") },
  { head: "Received", cell: ({ receiveTime }) => time(receiveTime) },
];

/** One of these mails. */
export function MailPage() {
  const id = usePathPart("id");
  const query = useQuery(MailboxService.method.getMailboxMessage, { id });
  const mail = query.data?.message;
  return (
    <Stack>
      <Heading title={mail?.subject || `Mail ${id}`} />
      <Waiting query={query} label="the mail" />
      {mail !== undefined && (
        <>
          <Facts
            facts={[
              ["From", mail.from],
              ["To", mail.to.join(", ")],
              ["Message-ID", mail.messageId],
              ["Received", time(mail.receiveTime)],
            ]}
          />
          <Preformatted label="Text of the mail" text={mail.text} />
        </>
      )}
    </Stack>
  );
}
