import { ActionIcon, Anchor, Button, Container, Group, Menu, Text, Title, useMantineColorScheme } from "@mantine/core";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { isStaff, useSession } from "../auth/use-session.tsx";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import classes from "./shell.module.css";

type ShellTexts = {
  readonly skip: string;
  readonly signIn: string;
  readonly signOut: string;
  readonly account: (name: string) => string;
  readonly console: string;
  readonly otherLanguage: string;
  readonly colors: string;
  readonly api: string;
  readonly notFound: string;
  readonly toProducts: string;
};

const texts: Texts<ShellTexts> = {
  en: {
    skip: "Skip to the content",
    signIn: "Sign in",
    signOut: "Sign out",
    account: (name) => `Account of ${name}`,
    console: "Console",
    otherLanguage: "Deutsch",
    colors: "Light or dark",
    api: "API",
    notFound: "There is no page at this address.",
    toProducts: "To the products",
  },
  de: {
    skip: "Zum Inhalt",
    signIn: "Anmelden",
    signOut: "Abmelden",
    account: (name) => `Konto von ${name}`,
    console: "Konsole",
    otherLanguage: "English",
    colors: "Hell oder dunkel",
    api: "API",
    notFound: "Unter dieser Adresse gibt es keine Seite.",
    toProducts: "Zu den Produkten",
  },
};

/** What is around every page: header, main, footer. */
export function Shell() {
  const text = useTexts(texts);
  return (
    <div className={classes.shell}>
      <a href="#main" className={classes.skip}>
        {text.skip}
      </a>
      <Header />
      <main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
      <Footer />
    </div>
  );
}

/** The page of an address that does not exist. */
export function NotFound() {
  const text = useTexts(texts);
  return (
    <Container size="sm" py="xl">
      <Title order={1} size="h3">
        {text.notFound}
      </Title>
      <Anchor component={Link} to="/">
        {text.toProducts}
      </Anchor>
    </Container>
  );
}

function Header() {
  const text = useTexts(texts);
  const { state } = useSession();
  return (
    <header className={classes.header}>
      <Container size="lg" className={classes.bar}>
        <Link to="/" className={classes.brand}>
          <img src="/assets/favicon.svg" alt="" width={28} height={28} />
          <span>Sagacart</span>
        </Link>
        <Group gap="xs" wrap="nowrap">
          {isStaff(state) && (
            <Button component={Link} to="/console" variant="subtle" size="sm">
              {text.console}
            </Button>
          )}
          <Account />
        </Group>
      </Container>
    </header>
  );
}

function Account() {
  const text = useTexts(texts);
  const { session, state } = useSession();
  const { issuer } = useSiteConfig();
  const { href } = useLocation();
  if (issuer === undefined || state.kind === "unknown") {
    return null;
  }
  if (state.kind === "signed-out") {
    return (
      <Button size="sm" variant="default" onClick={() => void session.signIn(href)}>
        {text.signIn}
      </Button>
    );
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="sm" variant="default" aria-label={text.account(state.user.name)}>
          {state.user.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void session.signOut()}>{text.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Footer() {
  const text = useTexts(texts);
  const { language, choose } = useLanguage();
  const { toggleColorScheme } = useMantineColorScheme();
  const other = language === "en" ? "de" : "en";
  return (
    <footer className={classes.footer}>
      <Container size="lg" className={classes.bar}>
        <Text size="sm" c="dimmed">
          Sagacart
        </Text>
        <Group gap="md">
          <Anchor href="/docs" size="sm">
            {text.api}
          </Anchor>
          <Button variant="subtle" size="compact-sm" lang={other} onClick={() => choose(other)}>
            {text.otherLanguage}
          </Button>
          <ActionIcon variant="default" aria-label={text.colors} onClick={() => toggleColorScheme()}>
            <svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
              <circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" strokeWidth="2" />
              <path d="M12 3a9 9 0 0 1 0 18z" fill="currentColor" />
            </svg>
          </ActionIcon>
        </Group>
      </Container>
    </footer>
  );
}
