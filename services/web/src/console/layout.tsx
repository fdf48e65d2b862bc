import { Button, Loader, Stack, Text, Title } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { isStaff, useSession } from "../auth/use-session.tsx";
import { useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import { useIsOperator } from "./call.ts";
import classes from "./console.module.css";
import { dropDraftsOfOthers } from "./draft.ts";
import { type LayoutTexts, layoutTexts } from "./layout-texts.ts";

type MenuLink = {
  readonly to: string;
  readonly page: keyof LayoutTexts["pages"];
  readonly operator?: boolean;
  readonly simulated?: boolean;
};

const menu: readonly { readonly group: keyof LayoutTexts["groups"]; readonly links: readonly MenuLink[] }[] = [
  {
    group: "orders",
    links: [
      { to: "/console", page: "now" },
      { to: "/console/orders", page: "orders" },
      { to: "/console/incidents", page: "incidents" },
      { to: "/console/audits", page: "audits" },
    ],
  },
  {
    group: "stock",
    links: [
      { to: "/console/products", page: "products" },
      { to: "/console/reservations", page: "reservations" },
    ],
  },
  {
    group: "money",
    links: [
      { to: "/console/accounts", page: "accounts" },
      { to: "/console/journal", page: "journal" },
      { to: "/console/payments", page: "payments" },
      { to: "/console/refunds", page: "refunds" },
      { to: "/console/disputes", page: "disputes" },
    ],
  },
  {
    group: "outgoing",
    links: [
      { to: "/console/webhooks", page: "webhooks" },
      { to: "/console/deliveries", page: "deliveries" },
      { to: "/console/feeds", page: "feeds" },
      { to: "/console/messages", page: "messages" },
      { to: "/console/templates", page: "templates", operator: true },
      { to: "/console/mailbox", page: "mailbox", operator: true, simulated: true },
    ],
  },
  {
    group: "people",
    links: [
      { to: "/console/users", page: "users" },
      { to: "/console/security-log", page: "securityLog", operator: true },
    ],
  },
  { group: "tryOut", links: [{ to: "/console/break", page: "break", operator: true, simulated: true }] },
];

/** The frame around the pages of the console. It is shown to the shop's people only; the services check who asks. */
export function ConsoleLayout({ children }: { children: ReactNode }) {
  const text = useTexts(layoutTexts);
  const { session, state } = useSession();
  const { href } = useLocation();
  const signIn = useMutation({
    mutationFn: () => session.signIn(href, { fresh: state.kind === "signed-in" }),
  });
  const userId = state.kind === "signed-in" ? state.user.id : undefined;
  useEffect(() => {
    if (userId !== undefined) {
      dropDraftsOfOthers(sessionStorage, userId);
    }
  }, [userId]);
  if (state.kind === "unknown") {
    return (
      <Stack align="center">
        <Loader aria-label={text.signingIn} />
      </Stack>
    );
  }
  if (!isStaff(state)) {
    return (
      <Stack align="center" px="md">
        <title>{`${text.console} · Sagacart`}</title>
        <Title order={1} size="h2">
          {text.console}
        </Title>
        <Text>{state.kind === "signed-in" ? text.notStaff(state.user.name) : text.forStaff}</Text>
        <FailureAlert error={signIn.error} />
        <Button onClick={() => signIn.mutate()}>{state.kind === "signed-in" ? text.signInAsOther : text.signIn}</Button>
      </Stack>
    );
  }
  return (
    <div className={classes.layout}>
      <ConsoleMenu />
      <div>{children}</div>
    </div>
  );
}

function ConsoleMenu() {
  const text = useTexts(layoutTexts);
  const { pathname } = useLocation();
  const isWide = useMediaQuery("(min-width: 901px)", true, { getInitialValueInEffect: false });
  const isOperator = useIsOperator();
  const { simulatedProviders } = useSiteConfig();
  const isShown = ({ operator, simulated }: MenuLink) =>
    (isOperator || operator !== true) && (simulatedProviders || simulated !== true);
  const groups = menu
    .map(({ group, links }) => ({ group, links: links.filter(isShown) }))
    .filter(({ links }) => links.length > 0);
  const isCurrent = (to: string) =>
    to === "/console" ? pathname === to || pathname === `${to}/` : pathname === to || pathname.startsWith(`${to}/`);
  const current = groups.flatMap(({ links }) => links).find(({ to }) => isCurrent(to));
  return (
    <nav aria-label={text.console}>
      {/* Closes after each choice on a phone. */}
      <details key={`${pathname} ${isWide}`} open={isWide} className={classes.menu}>
        <summary>{current === undefined ? text.menu : text.menuAt(text.pages[current.page])}</summary>
        {groups.map(({ group, links }) => (
          <div key={group}>
            <div className={classes.groupName} id={`menu-${group}`}>
              {text.groups[group]}
            </div>
            <ul className={classes.group} aria-labelledby={`menu-${group}`}>
              {links.map(({ to, page }) => (
                <li key={to}>
                  <Link
                    to={to}
                    className={`${classes.link} ${isCurrent(to) ? classes.current : ""}`}
                    {...(isCurrent(to) ? { "aria-current": "page" as const } : {})}
                  >
                    {text.pages[page]}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </details>
    </nav>
  );
}
