import { useQuery } from "@connectrpc/connect-query";
import { Badge, Menu } from "@mantine/core";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { Link } from "@tanstack/react-router";

/** The way to the inbox, with the number of messages that are not read. */
export function InboxItem({ customerId, label }: { customerId: string; label: string }) {
  const { data } = useQuery(InboxService.method.countUnread, { customerId }, { refetchInterval: 30_000 });
  const unread = Number(data?.unreadCount ?? 0n);
  return (
    <Menu.Item component={Link} to="/shop/inbox" rightSection={unread > 0 ? <Badge size="sm">{unread}</Badge> : null}>
      {label}
    </Menu.Item>
  );
}
