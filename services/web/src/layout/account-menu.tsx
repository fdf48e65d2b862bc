import { Button, Menu } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { User } from "../auth/user.ts";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { InboxItem } from "../shop/inbox-item.tsx";

type MenuTexts = {
  readonly account: (name: string) => string;
  readonly orders: string;
  readonly inbox: string;
  readonly addresses: string;
  readonly preferences: string;
  readonly signOut: string;
  readonly signOutFailed: string;
};

const texts: Texts<MenuTexts> = {
  en: {
    account: (name) => `Account of ${name}`,
    orders: "Orders",
    inbox: "Inbox",
    addresses: "Addresses",
    preferences: "Preferences",
    signOut: "Sign out",
    signOutFailed: "You are signed out here, but not where you signed in: it cannot be reached.",
  },
  de: {
    account: (name) => `Konto von ${name}`,
    orders: "Bestellungen",
    inbox: "Posteingang",
    addresses: "Adressen",
    preferences: "Einstellungen",
    signOut: "Abmelden",
    signOutFailed: "Sie sind hier abgemeldet, aber nicht beim Anmeldedienst: Er ist nicht erreichbar.",
  },
};

/** The pages of the person who is signed in, and the way out. `onSignOut` gets what to say if that fails. */
export function AccountMenu({
  user,
  customerId,
  onSignOut,
}: {
  user: User;
  customerId: string;
  onSignOut: (failed: string) => void;
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
        <Menu.Item component={Link} to="/shop/addresses">
          {text.addresses}
        </Menu.Item>
        <Menu.Item component={Link} to="/shop/preferences">
          {text.preferences}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => onSignOut(text.signOutFailed)}>{text.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
