import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { Stack, Text, Title } from "@mantine/core";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { useQuery } from "@tanstack/react-query";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { formatTime } from "../i18n/format.ts";
import { useLanguage, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { orderTexts } from "./order-texts.ts";

/** The messages of the inbox about one order. */
export function OrderMessages({ orderId }: { orderId: string }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  const { state } = useSession();
  const inbox = createClient(InboxService, useTransport());
  const { data, error } = useQuery({
    queryKey: ["inbox-of-order", orderId],
    queryFn: async () => {
      const { messages } = await inbox.listInboxMessages({ customerId: customerIdOf(state), pageSize: 200 });
      return messages.filter((message) => message.orderId === orderId);
    },
    enabled: state.kind === "signed-in",
    // They follow the order's events by a moment.
    refetchInterval: 5_000,
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
        {data?.map(({ id, subject, createTime }) => (
          <Text key={id} size="sm">
            {subject}{" "}
            <Text span c="dimmed" size="sm">
              {createTime && formatTime(createTime, language)}
            </Text>
          </Text>
        ))}
      </Stack>
    </section>
  );
}
