import { Button, Loader, Stack, Text, Title } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { isStaff, useSession } from "../auth/use-session.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import { useIsOperator } from "./call.ts";
import classes from "./console.module.css";
import { dropDraftsOfOthers } from "./draft.ts";

type MenuLink = {
  readonly to: string;
  readonly label: string;
  readonly operator?: boolean;
  readonly simulated?: boolean;
};

const menu: readonly { readonly group: string; readonly links: readonly MenuLink[] }[] = [
  {
    group: "Orders",
    links: [
      { to: "/console", label: "Now" },
      { to: "/console/orders", label: "Orders" },
      { to: "/console/incidents", label: "Incidents" },
      { to: "/console/audits", label: "Audits" },
    ],
  },
  {
    group: "Catalogue and stock",
    links: [
      { to: "/console/products", label: "Products" },
      { to: "/console/reservations", label: "Reservations" },
    ],
  },
  {
    group: "Money",
    links: [
      { to: "/console/accounts", label: "Accounts" },
      { to: "/console/journal", label: "Journal" },
      { to: "/console/payments", label: "Payments" },
      { to: "/console/refunds", label: "Refunds" },
      { to: "/console/disputes", label: "Disputes" },
    ],
  },
  {
    group: "Outgoing",
    links: [
      { to: "/console/webhooks", label: "Webhook endpoints" },
      { to: "/console/deliveries", label: "Deliveries" },
      { to: "/console/feeds", label: "Event feeds" },
      { to: "/console/messages", label: "Messages" },
      { to: "/console/templates", label: "Templates", operator: true },
      { to: "/console/mailbox", label: "Mailbox", operator: true, simulated: true },
    ],
  },
  {
    group: "People",
    links: [
      { to: "/console/users", label: "Users" },
      { to: "/console/security-log", label: "Security log", operator: true },
    ],
  },
  { group: "Try out", links: [{ to: "/console/break", label: "Break it", operator: true, simulated: true }] },
];

/** The frame around the pages of the console. It is shown to the shop's people only; the services check who asks. */
export function ConsoleLayout({ children }: { children: ReactNode }) {
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
        <Loader aria-label="Signing in" />
      </Stack>
    );
  }
  if (!isStaff(state)) {
    return (
      <Stack align="center" lang="en" px="md">
        <title>Console · Sagacart</title>
        <Title order={1} size="h2">
          Console
        </Title>
        <Text>
          {state.kind === "signed-in"
            ? `${state.user.name} is neither an operator nor support. The console is for the people who run the shop.`
            : "The console is for the people who run the shop."}
        </Text>
        <FailureAlert error={signIn.error} />
        <Button onClick={() => signIn.mutate()}>
          {state.kind === "signed-in" ? "Sign in as somebody else" : "Sign in"}
        </Button>
      </Stack>
    );
  }
  return (
    <div className={classes.layout} lang="en">
      <ConsoleMenu />
      <div>{children}</div>
    </div>
  );
}

function ConsoleMenu() {
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
    <nav aria-label="Console">
      {/* Closes after each choice on a phone. */}
      <details key={`${pathname} ${isWide}`} open={isWide} className={classes.menu}>
        <summary>Menu{current === undefined ? "" : `: ${current.label}`}</summary>
        {groups.map(({ group, links }) => (
          <div key={group}>
            <div className={classes.groupName} id={`menu-${group.replaceAll(" ", "-")}`}>
              {group}
            </div>
            <ul className={classes.group} aria-labelledby={`menu-${group.replaceAll(" ", "-")}`}>
              {links.map(({ to, label }) => (
                <li key={to}>
                  <Link
                    to={to}
                    className={`${classes.link} ${isCurrent(to) ? classes.current : ""}`}
                    {...(isCurrent(to) ? { "aria-current": "page" as const } : {})}
                  >
                    {label}
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
