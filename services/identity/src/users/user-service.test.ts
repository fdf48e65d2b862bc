import { readFile } from "node:fs/promises";
import { Code } from "@connectrpc/connect";
import { countryCodes } from "@sagacart/chassis/address/countries";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, startTestMailServer, type TestIdentity, type TestMailServer } from "../testing/identity.ts";

let running: TestIdentity;
let post: TestMailServer;

beforeAll(async () => {
  post = await startTestMailServer();
  running = await startTestIdentity({ env: { SMTP_URL: post.url } });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

async function reasonOf(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
  return errorInfo(error).reason;
}

/** Returns the id of the user who was registered, or the reason of the refusal. */
async function outcomeOf(call: ReturnType<TestIdentity["anonymous"]["register"]>): Promise<string | undefined> {
  return await call.then(
    ({ user }) => user?.id,
    (error: unknown) => errorInfo(error).reason,
  );
}

const home = {
  recipient: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  countryCode: "GB",
};

describe("register", () => {
  const account = (username: string) => ({ username, email: `${username}@shop.test`, password: "correct horse" });

  test("called fifty times at once with one name creates one user", async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const email = `grace-${index}@shop.test`;
        return reasonOf(running.anonymous.register({ ...account(index % 2 === 0 ? "grace" : "GRACE"), email }));
      }),
    );

    expect(answers.filter((reason) => reason === "USERNAME_TAKEN")).toHaveLength(49);
    expect((await running.identity.listUsers({ username: "Grace" })).users).toHaveLength(1);
  });

  test("called twice with one request id creates one user", async () => {
    const asked = { ...account("twice"), requestId: "r-1" };
    const [one, other] = await Promise.all([running.anonymous.register(asked), running.anonymous.register(asked)]);

    expect(one.user?.id).toBe(other.user?.id);
    const again = running.anonymous.register({ ...asked, email: "else@shop.test" });
    expect(await reasonOf(again)).toBe("REQUEST_ID_REUSED");
  });

  // Each field but the request id is content. The failed one is repeated as it is, too.
  test.each([
    ["created", { username: "other-name" }],
    ["created", { email: "other@shop.test" }],
    ["created", { password: "another password" }],
    ["created", { phone: "+1 555 0100" }],
    ["refused", { username: "other-name" }],
    ["refused", { email: "other@shop.test" }],
    ["refused", { password: "another password" }],
    ["refused", { phone: "+1 555 0100" }],
  ])("of a request id that was %s is refused with %j", async (outcome, change) => {
    const requestId = crypto.randomUUID();
    const asked = { ...account(outcome === "created" ? `n${requestId.slice(0, 8)}` : "root"), requestId };
    const first = await outcomeOf(running.anonymous.register(asked));
    expect(first).toMatch(outcome === "created" ? /^[\da-f-]{36}$/ : /^USERNAME_TAKEN$/);

    expect(await outcomeOf(running.anonymous.register({ ...asked, ...change }))).toBe("REQUEST_ID_REUSED");
    expect(await outcomeOf(running.anonymous.register(asked))).toBe(first);
  });

  test.each(["ab", "x".repeat(51), "with@sign", "with space"])("refuses the name %j", async (username) => {
    const error = await running.anonymous.register({ ...account("n"), username }).catch((error: unknown) => error);

    expect(errorInfo(error)).toMatchObject({ code: Code.InvalidArgument, violations: [{ field: "username" }] });
  });
});

describe("a user", () => {
  test("can read itself by its id and as `me`", async () => {
    const { id, client, username, email } = await running.register();

    for (const asked of [id, "me"]) {
      expect((await client.getUser({ id: asked })).user).toMatchObject({ id, username, email, roles: ["customer"] });
    }
  });

  test("looks nonexistent to another user, with the same message", async () => {
    const [{ id }, { client }] = [await running.register(), await running.register()];
    const asks = (user: string) => [
      client.getUser({ id: user }),
      client.updateUser({ user: { id: user, phone: "1" } }),
      client.deleteUser({ id: user }),
      client.listAddresses({ userId: user }),
      client.createAddress({ userId: user, address: home }),
      client.deleteAddress({ userId: user, id: "a" }),
      client.changePassword({ userId: user, currentPassword: "x", newPassword: "correct horse" }),
    ];

    const messages = async (user: string) =>
      (await Promise.all(asks(user).map((ask) => ask.catch((error: unknown) => errorInfo(error).message)))).map(
        (text) => String(text).replaceAll(user, "<id>"),
      );

    expect(await messages(id)).toEqual(await messages("nobody"));
    expect(new Set(await messages(id))).toEqual(new Set(["there is no user <id>"]));
  });

  test("can be read by support, but not changed", async () => {
    const helper = await running.register();
    await running.identity.setRoles({ id: helper.id, roles: ["support"] });
    const { session } = await running.anonymous.signIn(helper);
    const support = running.as(session!.accessToken);
    const { id } = await running.register();

    expect((await support.getUser({ id })).user?.id).toBe(id);
    expect((await support.listUsers({ pageSize: 1 })).users).toHaveLength(1);
    expect(await reasonOf(support.updateUser({ user: { id, phone: "1" } }))).toBe("USER_NOT_FOUND");
    expect(await reasonOf(support.deleteUser({ id }))).toBe("USER_NOT_FOUND");
    expect((await support.updateUser({ user: { id: "me", phone: "1" } })).user?.phone).toBe("1");
  });

  test("is changed with its etag", async () => {
    const { client, email } = await running.register();
    const { user } = await client.getUser({ id: "me" });
    const changed = { id: "me", phone: "1", etag: user!.etag };
    const { user: after } = await client.updateUser({ user: changed });

    expect(after).toMatchObject({ email, phone: "1" });
    expect(await reasonOf(client.updateUser({ user: { ...changed, phone: "2" } }))).toBe("ETAG_MISMATCH");
    const mask = { updateMask: { paths: ["roles"] }, user: { id: "me", roles: ["operator"] } };
    expect(await reasonOf(client.updateUser(mask))).toBe("BAD_UPDATE_MASK");
  });

  test("cannot set roles unless an operator", async () => {
    const { client, id } = await running.register();

    expect(await reasonOf(client.setRoles({ id, roles: ["operator"] }))).toBe("ROLE_REQUIRED");
  });

  test("who is the last operator cannot lose the role or be deleted", async () => {
    const { users } = await running.identity.listUsers({ role: "operator" });
    expect(users).toHaveLength(1);
    const id = users[0]!.id;

    expect(await reasonOf(running.identity.setRoles({ id, roles: ["customer"] }))).toBe("LAST_OPERATOR");
    expect(await reasonOf(running.identity.deleteUser({ id }))).toBe("LAST_OPERATOR");
  });

  test("is listed exactly once across pages", async () => {
    const ids: string[] = [];
    let pageToken = "";
    do {
      const page = await running.identity.listUsers({ pageSize: 3, pageToken });
      ids.push(...page.users.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const { rows } = await running.pool.query("select count(*)::int as count from users");

    expect(ids).toHaveLength(rows[0]?.count);
    expect(new Set(ids).size).toBe(ids.length);
    const other = await running.identity.listUsers({ pageSize: 1 });
    const misused = running.identity.listUsers({ role: "support", pageToken: other.nextPageToken });
    expect(await reasonOf(misused)).toBe("BAD_PAGE_TOKEN");
  });
});

describe("addresses", () => {
  const add = async (client: TestIdentity["identity"], isDefault = false) => {
    const { address } = await client.createAddress({ userId: "me", address: home, isDefault });
    return address!.id;
  };
  const defaults = async (client: TestIdentity["identity"]) => {
    const { addresses } = await client.listAddresses({ userId: "me" });
    return addresses.filter(({ isDefault }) => isDefault).map(({ id }) => id);
  };

  test("the first is the default, then the one that is chosen, then the oldest left", async () => {
    const { client } = await running.register();
    const first = await add(client);
    const second = await add(client);
    const third = await add(client, true);
    expect(await defaults(client)).toEqual([third]);
    await client.updateAddress({ address: { id: second, userId: "me", isDefault: true } });
    expect(await defaults(client)).toEqual([second]);
    await client.deleteAddress({ userId: "me", id: second });
    await client.deleteAddress({ userId: "me", id: second });
    expect(await defaults(client)).toEqual([first]);
  });

  test("no two letters are a country but the 249 codes that ISO assigns", async () => {
    const { client } = await running.register();
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    const codes = letters.flatMap((first) => letters.map((second) => first + second));
    const fields: (string | undefined)[] = [];
    for (const countryCode of codes) {
      // A dash is a postal code nowhere, so each is refused, for one field or the other.
      const call = client.createAddress({
        userId: "me",
        address: { ...home, region: "R", countryCode, postalCode: "-" },
      });
      fields.push(errorInfo(await call.catch((error: unknown) => error)).violations[0]?.field);
    }
    expect(codes.filter((_, index) => fields[index] === "address.postal_code")).toEqual([...countryCodes].sort());
    expect(codes.filter((_, index) => fields[index] === "address.country_code")).toHaveLength(676 - 249);
  });

  test.each([
    ["FR", "75001"],
    ["GB", "SW1Y 4JH"],
    ["RU", "101000"],
    ["RS", "11000"],
    ["BF", ""],
    ["CI", ""],
    ["HK", ""],
    ["AE", ""],
    ["QA", ""],
    ["AQ", ""],
    ["SG", "546080"],
  ])("an address in %s is kept as it is, with the postal code %j", async (countryCode, postalCode) => {
    const { client } = await running.register();
    const given = { ...home, countryCode, postalCode };
    const { address } = await client.createAddress({ userId: "me", address: given });
    expect(address?.address).toMatchObject(given);
  });

  test("codes that names of countries were stored as are replaced by the current ones", async () => {
    const { client } = await running.register();
    const id = await add(client);
    const migration = await readFile(new URL("../../migrations/0004_country_codes.sql", import.meta.url), "utf8");
    for (const [withdrawn, code] of [
      ["FX", "FR"],
      ["UK", "GB"],
      ["SU", "RU"],
      ["GB", "GB"],
    ]) {
      await running.pool.query(
        "update addresses set address = jsonb_set(address, '{countryCode}', to_jsonb($2::text)) where id = $1",
        [id, withdrawn],
      );
      await running.pool.query(migration);
      const { address } = await client.getAddress({ userId: "me", id });
      expect(address?.address?.countryCode).toBe(code);
    }
  });

  test("twenty created as default at once leave one default", async () => {
    const { client } = await running.register();
    await Promise.all(Array.from({ length: 20 }, () => add(client, true)));

    expect(await defaults(client)).toHaveLength(1);
  });

  test("an address is replaced as a whole, with its etag", async () => {
    const { client, id: userId } = await running.register();
    const id = await add(client);
    const { address: before } = await client.getAddress({ userId, id });
    const moved = { id, userId, etag: before!.etag, address: { ...home, city: "Oxford" } };
    const { address: after } = await client.updateAddress({ address: moved });

    expect(after).toMatchObject({ isDefault: true, address: { city: "Oxford" } });
    expect(await reasonOf(client.updateAddress({ address: moved }))).toBe("ETAG_MISMATCH");
    expect(await reasonOf(client.updateAddress({ address: { ...moved, id: "none" } }))).toBe("ADDRESS_NOT_FOUND");
  });

  test("a user has at most a hundred, and one for each request id", async () => {
    const { client, id } = await running.register();
    const once = { userId: "me", address: home, requestId: "a-1" };
    const [one, other] = await Promise.all([client.createAddress(once), client.createAddress(once)]);
    expect(one.address?.id).toBe(other.address?.id);
    await running.pool.query(
      `insert into addresses (id, user_id, address, is_default)
       select 'x' || n, $1, address, false from addresses, generate_series(1, 99) n where user_id = $1`,
      [id],
    );

    expect(await reasonOf(client.createAddress({ userId: "me", address: home }))).toBe("TOO_MANY_ADDRESSES");
    const { addresses, nextPageToken } = await client.listAddresses({ userId: "me", pageSize: 60 });
    const rest = await client.listAddresses({ userId: "me", pageSize: 60, pageToken: nextPageToken });
    expect([addresses.length, rest.addresses.length, rest.nextPageToken]).toEqual([60, 40, ""]);
  });
});
