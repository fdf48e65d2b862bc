import { Button, Menu } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { User } from "../auth/user.ts";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { InboxItem } from "../shop/inbox-item.tsx";

type MenuTexts = {
  readonly account: (name: string) => string;
  readonly orders: string;
  readonly inbox: string;
  readonly preferences: string;
  readonly signOut: string;
};

const texts: Texts<MenuTexts> = {
  en: {
    account: (name) => `Account of ${name}`,
    orders: "Orders",
    inbox: "Inbox",
    preferences: "Preferences",
    signOut: "Sign out",
  },
  de: {
    account: (name) => `Konto von ${name}`,
    orders: "Bestellungen",
    inbox: "Posteingang",
    preferences: "Einstellungen",
    signOut: "Abmelden",
  },
};

/** The pages of the person who is signed in, and the way out. */
export function AccountMenu({
  user,
  customerId,
  onSignOut,
}: {
  user: User;
  customerId: string;
  onSignOut: () => void;
}) {
  const text = useTexts(texts);
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="sm" variant="default" aria-label={text.account(user.name)}>
          {user.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/shop/orders">
          {text.orders}
        </Menu.Item>
        <InboxItem customerId={customerId} label={text.inbox} />
        <Menu.Item component={Link} to="/shop/preferences">
          {text.preferences}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={onSignOut}>{text.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
