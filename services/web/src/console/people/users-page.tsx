import { Code, ConnectError } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { Group, Stack, Title } from "@mantine/core";
import { type Factor, Factor_Kind } from "@sagacart/proto/identity/v1/factor";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import type { UserSession } from "@sagacart/proto/identity/v1/session";
import type { User } from "@sagacart/proto/identity/v1/user";
import { useRouter } from "@tanstack/react-router";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { time, words, wordsOf } from "../show.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";

const roles = ["customer", "support", "operator"] as const;

/** The people who can sign in. Names and email addresses are searched for by POST, and are not part of the address. */
export function UsersPage() {
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
      title="Users"
      query={query}
      rowsOf={({ users }) => users}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No user matches."
      filters={
        <Filters
          filters={[
            {
              name: "role",
              label: "Role",
              kind: "select",
              options: roles.map((role) => ({ value: role, label: wordsOf(role) })),
            },
            { name: "name", label: "Name, in full", private: true },
            { name: "email", label: "Email address, in full", private: true },
          ]}
        />
      }
    />
  );
}

const columns: readonly Column<User>[] = [
  { head: "Name", cell: ({ id, username }) => <To parts={["users", id]}>{username || id}</To> },
  { head: "Email", cell: ({ email, emailVerified }) => `${email}${emailVerified ? "" : " (not confirmed)"}` },
  { head: "Roles", cell: ({ roles: given }) => <RoleBadges roles={given} /> },
  { head: "Id", cell: ({ id }) => id },
  { head: "Registered", cell: ({ createTime }) => time(createTime) },
];

function RoleBadges({ roles: given }: { roles: readonly string[] }) {
  return (
    <Group gap={4} wrap="nowrap">
      {given.map((role) => (
        <ToneBadge key={role} tone={role === "customer" ? "neutral" : "good"}>
          {role}
        </ToneBadge>
      ))}
    </Group>
  );
}

/** One user: roles, sessions, second factors, and the ways to everything that is theirs. */
export function UserPage() {
  const id = usePathPart("id");
  const query = useQuery(IdentityService.method.getUser, { id }, { refetchInterval: refreshMs });
  const sessions = useQuery(IdentityService.method.listSessions, { userId: id }, { refetchInterval: refreshMs });
  const factors = useQuery(IdentityService.method.listFactors, { userId: id }, { refetchInterval: refreshMs });
  const user = query.data?.user;
  return (
    <Stack>
      <Heading title={user?.username || `Customer ${id}`} actions={user && <UserActions user={user} />} />
      <Waiting query={query} label="the user" />
      {user !== undefined && (
        <Facts
          facts={[
            ["Id", user.id],
            ["Roles", <RoleBadges key="roles" roles={user.roles} />],
            ["Email", `${user.email}${user.emailVerified ? "" : " (not confirmed)"}`],
            ["New email, to be confirmed", user.pendingEmail],
            ["Phone", user.phone],
            ["Registered", time(user.createTime)],
            ["Changed", time(user.updateTime)],
          ]}
        />
      )}
      <Group gap="md">
        <To parts={["orders"]} search={{ customer: id }}>
          Orders
        </To>
        <To parts={["payments"]} search={{ customer: id }}>
          Payments
        </To>
        <To parts={["refunds"]} search={{ customer: id }}>
          Refunds
        </To>
        <To parts={["messages"]} search={{ customer: id }}>
          Messages
        </To>
      </Group>
      {user !== undefined && (
        <>
          <Title order={2} size="h4">
            Sessions
          </Title>
          <Waiting query={sessions} label="the sessions" />
          {sessions.data !== undefined && (
            <Rows
              label="Sessions"
              rows={sessions.data.sessions}
              keyOf={(row) => row.id}
              columns={sessionColumnsOf(id)}
            />
          )}
          <Title order={2} size="h4">
            Second factors
          </Title>
          <Waiting query={factors} label="the second factors" />
          {factors.data !== undefined && (
            <Rows label="Second factors" rows={factors.data.factors} keyOf={(row) => row.id} columns={factorColumns} />
          )}
        </>
      )}
    </Stack>
  );
}

function sessionColumnsOf(userId: string): readonly Column<UserSession>[] {
  return [
    { head: "Application", cell: ({ clientId, current }) => `${clientId}${current ? " (this one)" : ""}` },
    { head: "Browser", cell: ({ userAgent }) => <span className={classes.wrap}>{userAgent}</span> },
    { head: "Network", cell: ({ network }) => network },
    { head: "Signed in", cell: ({ createTime }) => time(createTime) },
    { head: "Last used", cell: ({ lastUseTime }) => time(lastUseTime) },
    { head: "Ends", cell: ({ expireTime }) => time(expireTime) },
    { head: "Actions", cell: ({ id }) => <EndSession userId={userId} id={id} /> },
  ];
}

function EndSession({ userId, id }: { userId: string; id: string }) {
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name={`end-${id}`}
      label="End"
      danger
      explanation="The browser of this session has to sign in again."
      run={() => call(IdentityService.method.endSession, { userId, id })}
    />
  ) : null;
}

const factorColumns: readonly Column<Factor>[] = [
  { head: "Name", cell: ({ name }) => name },
  { head: "Kind", cell: ({ kind }) => words(Factor_Kind, kind) },
  { head: "Enrolled", cell: ({ createTime }) => time(createTime) },
  { head: "Last used", cell: ({ lastUseTime }) => time(lastUseTime) },
];

function UserActions({ user: { id, roles: given, etag, username } }: { user: User }) {
  const call = useCall();
  const router = useRouter();
  if (!useIsOperator()) {
    return null;
  }
  return (
    <>
      <Action
        name="roles"
        label="Set roles"
        explanation="Support reads everything, cancels and refunds. Operators run the shop."
        fields={roles.map((role) => ({
          name: role,
          label: wordsOf(role),
          kind: "check" as const,
          initial: given.includes(role) ? "yes" : "",
        }))}
        run={(values) =>
          call(IdentityService.method.setRoles, { id, etag, roles: roles.filter((role) => values[role] === "yes") })
        }
      />
      <Action
        name="unlock"
        label="Unlock"
        explanation="Forgets wrong passwords, which make sign-ins wait."
        run={() => call(IdentityService.method.unlockUser, { id })}
      />
      <Action
        name="end-all"
        label="End all sessions"
        danger
        run={() => call(IdentityService.method.endSessions, { userId: id, includeCurrent: true })}
      />
      <Action
        name="reset-factors"
        label="Remove second factors"
        danger
        explanation="For a person who has lost them. All their sessions end, and they get a mail."
        run={() => call(IdentityService.method.resetFactors, { userId: id })}
      />
      <Action
        name="delete"
        label="Delete user"
        danger
        explanation={`Deletes ${username} and their personal data in all services. This cannot be undone.`}
        fields={[{ name: "confirm", label: `Type ${username} to confirm`, required: true }]}
        run={({ confirm }) => {
          if (confirm !== username) {
            throw new ConnectError(`Type ${username} to confirm`, Code.InvalidArgument);
          }
          return call(IdentityService.method.deleteUser, { id, etag });
        }}
        onDone={() => router.history.push(pathOf(["users"]))}
      />
    </>
  );
}
