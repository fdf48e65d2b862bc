import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { Stack, Text, Title } from "@mantine/core";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { customerIdOf, isStaff, useSession } from "../auth/use-session.tsx";
import { formatTime } from "../i18n/format.ts";
import { useLanguage, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { orderTexts } from "./order-texts.ts";

/** A notification follows the order's last event by a moment. */
const lastMs = 60_000;

/** The messages about one order: those of the customer's inbox, and for staff all that were sent to its customer. */
export function OrderMessages({ orderId, hasEnded }: { orderId: string; hasEnded: boolean }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  const { state } = useSession();
  const transport = useTransport();
  const isForStaff = isStaff(state);
  const endedMs = useMemo(() => (hasEnded ? Date.now() : undefined), [hasEnded]);
  const { data, error } = useQuery({
    queryKey: ["messages-of-order", orderId, isForStaff],
    queryFn: async () => {
      if (isForStaff) {
        return (await createClient(NotifierService, transport).listMessages({ orderId, pageSize: 200 })).messages;
      }
      const inbox = createClient(InboxService, transport);
      const { messages } = await inbox.listInboxMessages({ customerId: customerIdOf(state), pageSize: 200 });
      return messages.filter((message) => message.orderId === orderId);
    },
    enabled: state.kind === "signed-in",
    refetchInterval: () => (endedMs !== undefined && Date.now() - endedMs > lastMs ? false : 5_000),
  });
  if (state.kind !== "signed-in") {
    return null;
  }
  return (
    <section aria-labelledby="messages">
      <Title order={2} size="h4" id="messages" mb="xs">
        {text.messages}
      </Title>
      <FailureAlert error={error} />
      {data?.length === 0 && <Text size="sm">{text.noMessages}</Text>}
      <Stack gap="xs">
        {data?.map((message) => (
          <Text key={message.id} size="sm">
            {message.subject}{" "}
            <Text span c="dimmed" size="sm">
              {"recipient" in message && message.recipient.includes("@") && `${message.recipient} · `}
              {message.createTime && formatTime(message.createTime, language)}
            </Text>
          </Text>
        ))}
      </Stack>
    </section>
  );
}
