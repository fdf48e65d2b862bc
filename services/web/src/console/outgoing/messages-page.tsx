import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import { type MailboxMessage, type Message, Message_Channel, Message_State } from "@sagacart/proto/notifier/v1/message";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { outgoingTexts } from "./outgoing-texts.ts";

/** The messages to customers. */
export function MessagesPage() {
  const text = useTexts(outgoingTexts);
  const { optionsOf } = useShow();
  const columns = useColumns();
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
      title={text.messages}
      query={query}
      rowsOf={({ messages }) => messages}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noMessage}
      filters={
        <Filters
          filters={[
            { name: "state", label: text.state, kind: "select", options: optionsOf(Message_State) },
            { name: "channel", label: text.channel, kind: "select", options: optionsOf(Message_Channel) },
            { name: "order", label: text.orderId },
            { name: "customer", label: text.customerId },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: Message_State }) {
  const { words } = useShow();
  const tone = state === Message_State.SENT ? "good" : state === Message_State.FAILED ? "bad" : "neutral";
  return <ToneBadge tone={tone}>{words(Message_State, state)}</ToneBadge>;
}

function useColumns(): readonly Column<Message>[] {
  const text = useTexts(outgoingTexts);
  const { count, time, words } = useShow();
  return [
    { head: text.subject, cell: ({ id, subject }) => <To parts={["messages", id]}>{subject || id}</To> },
    { head: text.state, cell: ({ state }) => <StateBadge state={state} /> },
    { head: text.channel, cell: ({ channel }) => words(Message_Channel, channel) },
    { head: text.recipient, cell: ({ recipient }) => recipient },
    { head: text.order, cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
    { head: text.attempts, cell: ({ attempts }) => count(attempts), numeric: true },
    { head: text.lastError, cell: ({ lastError }) => <span className={classes.wrap}>{lastError}</span> },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
    { head: text.sent, cell: ({ sendTime }) => (sendTime === undefined ? "" : time(sendTime)) },
  ];
}

/** One message as it was written. */
export function MessagePage() {
  const text = useTexts(outgoingTexts);
  const { count, time, words } = useShow();
  const id = usePathPart("id");
  const call = useCall();
  const query = useQuery(NotifierService.method.getMessage, { id }, { refetchInterval: refreshMs });
  const message = query.data?.message;
  return (
    <Stack>
      <Heading
        title={message?.subject || text.messageOf(id)}
        actions={
          message?.state === Message_State.FAILED && (
            <Action name="retry" label={text.sendAgain} run={() => call(NotifierService.method.retryMessage, { id })} />
          )
        }
      />
      <Waiting query={query} label={text.theMessage} />
      {message !== undefined && (
        <>
          <Facts
            facts={[
              [text.state, <StateBadge key="state" state={message.state} />],
              [text.whyNotSent, message.lastError],
              [text.channel, words(Message_Channel, message.channel)],
              [text.recipient, message.recipient],
              [text.language, message.language],
              [
                text.customer,
                message.customerId && (
                  <To key="customer" parts={["users", message.customerId]}>
                    {message.customerId}
                  </To>
                ),
              ],
              [
                text.order,
                message.orderId && (
                  <To key="order" parts={["orders", message.orderId]}>
                    {message.orderId}
                  </To>
                ),
              ],
              [text.cart, message.cartId],
              [text.event, message.eventType],
              [text.templateVersion, message.templateVersion],
              [text.attempts, count(message.attempts)],
              [text.created, time(message.createTime)],
              [text.sent, message.sendTime && time(message.sendTime)],
            ]}
          />
          <Title order={2} size="h4">
            {text.text}
          </Title>
          <Preformatted label={text.messageText} text={message.text} />
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
  const text = useTexts(outgoingTexts);
  const mailColumns = useMailColumns();
  const { texts, privateTexts } = useAddress("to", "page");
  const query = useQuery(
    MailboxService.method.listMailboxMessages,
    { to: privateTexts.to ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.mailbox}
      explanation={text.mailboxExplanation}
      query={query}
      rowsOf={({ messages }) => messages}
      keyOf={({ id }) => id}
      columns={mailColumns}
      empty={text.noMail}
      filters={<Filters filters={[{ name: "to", label: text.recipient, private: true }]} />}
    />
  );
}

function useMailColumns(): readonly Column<MailboxMessage>[] {
  const text = useTexts(outgoingTexts);
  const { time } = useShow();
  return [
    { head: text.subject, cell: ({ id, subject }) => <To parts={["mailbox", id]}>{subject || id}</To> },
    { head: text.to, cell: ({ to }) => to.join(", ") },
    { head: text.received, cell: ({ receiveTime }) => time(receiveTime) },
  ];
}

/** One of these mails. */
export function MailPage() {
  const text = useTexts(outgoingTexts);
  const { time } = useShow();
  const id = usePathPart("id");
  const query = useQuery(MailboxService.method.getMailboxMessage, { id });
  const mail = query.data?.message;
  return (
    <Stack>
      <Heading title={mail?.subject || text.mailOf(id)} />
      <Waiting query={query} label={text.theMail} />
      {mail !== undefined && (
        <>
          <Facts
            facts={[
              [text.from, mail.from],
              [text.to, mail.to.join(", ")],
              [text.messageId, mail.messageId],
              [text.received, time(mail.receiveTime)],
            ]}
          />
          <Preformatted label={text.mailText} text={mail.text} />
        </>
      )}
    </Stack>
  );
}
