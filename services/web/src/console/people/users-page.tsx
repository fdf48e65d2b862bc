import { useQuery } from "@connectrpc/connect-query";
import { Group, Stack, Title } from "@mantine/core";
import { type Factor, Factor_Kind } from "@sagacart/proto/identity/v1/factor";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import type { UserSession } from "@sagacart/proto/identity/v1/session";
import type { User } from "@sagacart/proto/identity/v1/user";
import { useRouter } from "@tanstack/react-router";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { PageError } from "../page-error.ts";
import { pageErrorTexts } from "../page-error-texts.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { peopleTexts } from "./people-texts.ts";

const roles = ["customer", "support", "operator"] as const;

/** The people who can sign in. Names and email addresses are searched for by POST, and are not part of the address. */
export function UsersPage() {
  const text = useTexts(peopleTexts);
  const columns = useColumns();
  const { texts, privateTexts } = useAddress("role", "name", "email", "page");
  const query = useQuery(
    IdentityService.method.listUsers,
    {
      role: roles.find((role) => role === texts.role) ?? "",
      username: privateTexts.name ?? "",
      email: privateTexts.email ?? "",
      pageToken: texts.page ?? "",
    },
    listOptions,
  );
  return (
    <ListPage
      title={text.users}
      query={query}
      rowsOf={({ users }) => users}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noUser}
      filters={
        <Filters
          filters={[
            {
              name: "role",
              label: text.role,
              kind: "select",
              options: roles.map((role) => ({ value: role, label: text.roles[role] })),
            },
            { name: "name", label: text.nameInFull, private: true },
            { name: "email", label: text.emailInFull, private: true },
          ]}
        />
      }
    />
  );
}

function useColumns(): readonly Column<User>[] {
  const text = useTexts(peopleTexts);
  const { time } = useShow();
  return [
    { head: text.name, cell: ({ id, username }) => <To parts={["users", id]}>{username || id}</To> },
    { head: text.email, cell: ({ email, emailVerified }) => (emailVerified ? email : text.notConfirmed(email)) },
    { head: text.rolesHead, cell: ({ roles: given }) => <RoleBadges roles={given} /> },
    { head: text.id, cell: ({ id }) => id },
    { head: text.registered, cell: ({ createTime }) => time(createTime) },
  ];
}

function RoleBadges({ roles: given }: { roles: readonly string[] }) {
  const names: Readonly<Record<string, string>> = useTexts(peopleTexts).roleNames;
  return (
    <Group gap={4} wrap="nowrap">
      {given.map((role) => (
        <ToneBadge key={role} tone={role === "customer" ? "neutral" : "good"}>
          {names[role] ?? role}
        </ToneBadge>
      ))}
    </Group>
  );
}

/** One user: roles, sessions, second factors, and the ways to everything that is theirs. */
export function UserPage() {
  const text = useTexts(peopleTexts);
  const { time } = useShow();
  const id = usePathPart("id");
  const [sessionColumns, factorColumns] = [useSessionColumns(id), useFactorColumns()];
  const query = useQuery(IdentityService.method.getUser, { id }, { refetchInterval: refreshMs });
  const sessions = useQuery(IdentityService.method.listSessions, { userId: id }, { refetchInterval: refreshMs });
  const factors = useQuery(IdentityService.method.listFactors, { userId: id }, { refetchInterval: refreshMs });
  const user = query.data?.user;
  return (
    <Stack>
      <Heading title={user?.username || text.customerOf(id)} actions={user && <UserActions user={user} />} />
      <Waiting query={query} label={text.theUser} />
      {user !== undefined && (
        <Facts
          facts={[
            [text.id, user.id],
            [text.rolesHead, <RoleBadges key="roles" roles={user.roles} />],
            [text.email, user.emailVerified ? user.email : text.notConfirmed(user.email)],
            [text.pendingEmail, user.pendingEmail],
            [text.phone, user.phone],
            [text.registered, time(user.createTime)],
            [text.changed, time(user.updateTime)],
          ]}
        />
      )}
      <Group gap="md">
        <To parts={["orders"]} search={{ customer: id }}>
          {text.orders}
        </To>
        <To parts={["payments"]} search={{ customer: id }}>
          {text.payments}
        </To>
        <To parts={["refunds"]} search={{ customer: id }}>
          {text.refunds}
        </To>
        <To parts={["messages"]} search={{ customer: id }}>
          {text.messages}
        </To>
      </Group>
      {user !== undefined && (
        <>
          <Title order={2} size="h4">
            {text.sessions}
          </Title>
          <Waiting query={sessions} label={text.theSessions} />
          {sessions.data !== undefined && (
            <Rows
              label={text.sessions}
              rows={sessions.data.sessions}
              keyOf={(row) => row.id}
              columns={sessionColumns}
            />
          )}
          <Title order={2} size="h4">
            {text.factors}
          </Title>
          <Waiting query={factors} label={text.theFactors} />
          {factors.data !== undefined && (
            <Rows label={text.factors} rows={factors.data.factors} keyOf={(row) => row.id} columns={factorColumns} />
          )}
        </>
      )}
    </Stack>
  );
}

function useSessionColumns(userId: string): readonly Column<UserSession>[] {
  const text = useTexts(peopleTexts);
  const { time } = useShow();
  return [
    { head: text.application, cell: ({ clientId, current }) => (current ? text.thisOne(clientId) : clientId) },
    { head: text.browser, cell: ({ userAgent }) => <span className={classes.wrap}>{userAgent}</span> },
    { head: text.network, cell: ({ network }) => network },
    { head: text.signedIn, cell: ({ createTime }) => time(createTime) },
    { head: text.lastUsed, cell: ({ lastUseTime }) => time(lastUseTime) },
    { head: text.ends, cell: ({ expireTime }) => time(expireTime) },
    { head: text.actions, cell: ({ id }) => <EndSession userId={userId} id={id} /> },
  ];
}

function EndSession({ userId, id }: { userId: string; id: string }) {
  const text = useTexts(peopleTexts);
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name={`end-${id}`}
      label={text.end}
      danger
      explanation={text.endExplanation}
      run={() => call(IdentityService.method.endSession, { userId, id })}
    />
  ) : null;
}

function useFactorColumns(): readonly Column<Factor>[] {
  const text = useTexts(peopleTexts);
  const { time, words } = useShow();
  return [
    { head: text.name, cell: ({ name }) => name },
    { head: text.kind, cell: ({ kind }) => words(Factor_Kind, kind) },
    { head: text.enrolled, cell: ({ createTime }) => time(createTime) },
    { head: text.lastUsed, cell: ({ lastUseTime }) => time(lastUseTime) },
  ];
}

function UserActions({ user: { id, roles: given, etag, username } }: { user: User }) {
  const text = useTexts(peopleTexts);
  const call = useCall();
  const router = useRouter();
  const confirmText = useTexts(pageErrorTexts).confirm(username);
  if (!useIsOperator()) {
    return null;
  }
  return (
    <>
      <Action
        name="roles"
        label={text.setRoles}
        explanation={text.setRolesExplanation}
        fields={roles.map((role) => ({
          name: role,
          label: text.roles[role],
          kind: "check" as const,
          initial: given.includes(role) ? "yes" : "",
        }))}
        run={(values) =>
          call(IdentityService.method.setRoles, { id, etag, roles: roles.filter((role) => values[role] === "yes") })
        }
      />
      <Action
        name="unlock"
        label={text.unlock}
        explanation={text.unlockExplanation}
        run={() => call(IdentityService.method.unlockUser, { id })}
      />
      <Action
        name="end-all"
        label={text.endAll}
        danger
        run={() => call(IdentityService.method.endSessions, { userId: id, includeCurrent: true })}
      />
      <Action
        name="reset-factors"
        label={text.removeFactors}
        danger
        explanation={text.removeFactorsExplanation}
        run={() => call(IdentityService.method.resetFactors, { userId: id })}
      />
      <Action
        name="delete"
        label={text.deleteUser}
        danger
        explanation={text.deleteUserExplanation(username)}
        fields={[{ name: "confirm", label: confirmText, required: true }]}
        run={({ confirm }) => {
          if (confirm !== username) {
            const { en, de } = pageErrorTexts;
            throw new PageError({ en: en.confirm(username), de: de.confirm(username) });
          }
          return call(IdentityService.method.deleteUser, { id, etag });
        }}
        onDone={() => router.history.push(pathOf(["users"]))}
      />
    </>
  );
}
