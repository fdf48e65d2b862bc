import { ActionIcon, Anchor, Button, Container, Group, Text, Title, useMantineColorScheme } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useRouter } from "@tanstack/react-router";
import { Suspense, useEffect, useRef } from "react";
import { customerIdOf, isStaff, keepsPreferences, useSession } from "../auth/use-session.tsx";
import type { SignInOptions } from "../auth/user.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { guestOrderIds, readGuestCart } from "../shop/cart-store.ts";
import { useSiteConfig } from "../use-site-config.tsx";
import { lazyChunk } from "./lazy-chunk.ts";
import { focusAfterNavigation } from "./page-focus.ts";
import classes from "./shell.module.css";

const CartLink = lazyChunk(async () => (await import("../shop/cart-link.tsx")).CartLink);
const AccountMenu = lazyChunk(async () => (await import("./account-menu.tsx")).AccountMenu);
const ClaimNotice = lazyChunk(async () => (await import("../shop/claim-notice.tsx")).ClaimNotice);
const SavedLanguage = lazyChunk(async () => (await import("../i18n/saved-language.tsx")).SavedLanguage);
const MergeNotice = lazyChunk(async () => (await import("../shop/merge-notice.tsx")).MergeNotice);

type ShellTexts = {
  readonly skip: string;
  readonly signIn: string;
  readonly createAccount: string;
  readonly console: string;
  readonly orders: string;
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
    createAccount: "Create an account",
    console: "Console",
    orders: "Orders",
    otherLanguage: "Deutsch",
    colors: "Light or dark",
    api: "API",
    notFound: "There is no page at this address.",
    toProducts: "To the products",
  },
  de: {
    skip: "Zum Inhalt",
    signIn: "Anmelden",
    createAccount: "Konto anlegen",
    console: "Konsole",
    orders: "Bestellungen",
    otherLanguage: "English",
    colors: "Hell oder dunkel",
    api: "API",
    notFound: "Unter dieser Adresse gibt es keine Seite.",
    toProducts: "Zu den Produkten",
  },
};

/** The frame of every page: header, main, footer. */
export function Shell() {
  const text = useTexts(texts);
  const { state } = useSession();
  const router = useRouter();
  const main = useRef<HTMLElement>(null);
  useEffect(
    () =>
      router.subscribe("onResolved", (event) => {
        if (main.current !== null) {
          focusAfterNavigation(event, main.current, document.activeElement);
        }
      }),
    [router],
  );
  return (
    <div className={classes.shell}>
      <a href="#main" className={classes.skip}>
        {text.skip}
      </a>
      <Header />
      <main id="main" ref={main} className={classes.main} tabIndex={-1}>
        {state.kind === "signed-in" && readGuestCart() !== undefined && (
          <Suspense>
            <MergeNotice customerId={customerIdOf(state)} />
          </Suspense>
        )}
        {state.kind === "signed-in" && guestOrderIds().length > 0 && (
          <Suspense>
            <ClaimNotice user={state.user} customerId={customerIdOf(state)} />
          </Suspense>
        )}
        {keepsPreferences(state) && (
          <Suspense>
            <SavedLanguage customerId={customerIdOf(state)} />
          </Suspense>
        )}
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
          {state.kind === "signed-out" && guestOrderIds().length > 0 && (
            <Button component={Link} to="/shop/orders" variant="subtle" size="sm">
              {text.orders}
            </Button>
          )}
          {isStaff(state) && (
            <Button component={Link} to="/console" variant="subtle" size="sm">
              {text.console}
            </Button>
          )}
          <Account />
          <Suspense>
            <CartLink />
          </Suspense>
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
  const signIn = useMutation({ mutationFn: (options: SignInOptions) => session.signIn(href, options) });
  // Here and not in the menu, which is gone once this tab is signed out.
  const signOut = useMutation({
    mutationFn: (failed: string) =>
      session.signOut().catch(() => {
        throw new Error(failed);
      }),
  });
  if (issuer === undefined || state.kind === "unknown") {
    return null;
  }
  if (state.kind === "signed-out") {
    return (
      <>
        <Button size="sm" variant="subtle" className={classes.wide} onClick={() => signIn.mutate({ register: true })}>
          {text.createAccount}
        </Button>
        <Button size="sm" variant="default" loading={signIn.isPending} onClick={() => signIn.mutate({})}>
          {text.signIn}
        </Button>
        <div className={classes.problem}>
          <FailureAlert error={signIn.error} />
          {signOut.isError && <FailureAlert error={signOut.error} onRetry={() => signOut.mutate(signOut.variables)} />}
        </div>
      </>
    );
  }
  return (
    <Suspense>
      <AccountMenu user={state.user} customerId={customerIdOf(state)} onSignOut={signOut.mutate} />
    </Suspense>
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
