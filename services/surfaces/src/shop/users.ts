import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { UpdateAddressRequestSchema } from "@sagacart/proto/identity/v1/identity_service";
import type { UserAddress } from "@sagacart/proto/identity/v1/user";
import { EdgeError, invalidRequest } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import { keyOf } from "../request-key.ts";
import type { Clients } from "../services.ts";
import { addressFrom, allAddresses } from "./address-book.ts";
import * as answer from "./answers.ts";
import * as body from "./bodies.ts";
import { savedAddressOf, userOf } from "./views.ts";

/** Serves the shop's user service: sign-in, users, and their addresses. */
export function users(app: FastifyInstance, { clients, own }: { clients: Clients; own: Clients }): void {
  const { users } = clients;

  app.post<{ Body: body.Login }>(
    "/api/v1/login",
    {
      config: { open: true, signIn: true, answers: { 200: answer.login } },
      schema: { summary: "Sign in: the answer has the token for everything else", body: body.login, security: [] },
    },
    async ({ body: { username, password } }) => {
      const { session, user } = await signIn({ username, password });
      return { id: user?.id, username: user?.username, email: user?.email, token: session?.accessToken };
    },
  );

  /** Signs in. Credentials that no user can have, such as an empty password, are wrong ones like any other. */
  async function signIn(credentials: body.Login) {
    try {
      const answer = await users.signIn(credentials);
      if (answer.secondFactor !== undefined) {
        const message = "this user signs in with a second factor, which this interface does not take: use /v1/sessions";
        throw new EdgeError("SECOND_FACTOR_NEEDED", message);
      }
      return answer;
    } catch (error) {
      throw errorInfo(error).code === Code.InvalidArgument
        ? new EdgeError("BAD_CREDENTIALS", "the user name or the password is wrong")
        : error;
    }
  }

  app.post<{ Body: body.NewUser }>(
    "/api/v1/users",
    {
      config: { open: true, signIn: true, answers: { 201: answer.registered } },
      schema: { summary: "Register a user", body: body.newUser, headers: body.idempotencyKey, security: [] },
    },
    async (request, reply) => {
      const { username, email, password, phone } = request.body;
      // By the rules of this surface: six characters are a password, and a taken address is told. Register tells neither.
      const { user } = await own.users.registerByForeignRules({
        username: username.trim(),
        email: email.trim(),
        password,
        phone: phone?.trim() ?? "",
        requestId: keyOf(request),
      });
      return reply
        .code(201)
        .send({ id: user?.id, username: user?.username, email: user?.email, phone: user?.phone || null });
    },
  );

  app.get<{ Params: { id: string } }>(
    "/api/v1/users/:id",
    {
      config: { answers: { 200: answer.user } },
      schema: { summary: "Get a user, with their addresses", params: body.id },
    },
    async ({ params: { id } }) => {
      const [{ user }, addresses] = await Promise.all([users.getUser({ id }), allAddresses(users, id)]);
      if (user === undefined) {
        throw new Error(`the identity service answered without user ${id}`);
      }
      return userOf(user, addresses);
    },
  );

  app.delete<{ Params: { id: string } }>(
    "/api/v1/users/:id",
    {
      config: { answers: { 200: answer.deleted } },
      schema: { summary: "Delete a user, with their addresses; their orders stay", params: body.id },
    },
    async ({ params: { id } }) => {
      await users.deleteUser({ id });
      return { deleted: true };
    },
  );

  app.get<{ Params: { id: string } }>(
    "/api/v1/users/:id/addresses",
    {
      config: { answers: { 200: answer.addresses } },
      schema: { summary: "List a user's addresses, the default one first", params: body.id },
    },
    async ({ params: { id } }) => (await allAddresses(users, id)).map(savedAddressOf),
  );

  app.post<{ Params: { id: string }; Body: body.NewAddress }>(
    "/api/v1/users/:id/addresses",
    {
      config: { answers: { 201: answer.made } },
      schema: {
        summary: "Add an address",
        params: body.id,
        body: body.newAddress,
        headers: body.idempotencyKey,
      },
    },
    async (request, reply) => {
      const {
        params: { id },
        body: asked,
      } = request;
      const { user } = await users.getUser({ id });
      const { address } = await users.createAddress({
        userId: id,
        address: addressFrom(asked, { recipient: user?.username ?? "" }),
        isDefault: Boolean(asked.is_default),
        requestId: keyOf(request),
      });
      return reply.code(201).send({ id: address?.id });
    },
  );

  app.put<{ Params: body.AddressPath; Body: body.AddressChange }>(
    "/api/v1/users/:id/addresses/:aid",
    {
      config: { answers: { 200: answer.updated } },
      schema: { summary: "Change an address", params: body.addressPath, body: body.addressChange },
    },
    async ({ params, body: { is_default: isDefault, ...asked } }) => {
      const changes = body.addressFieldNames.some((name) => name in asked);
      if (!changes && isDefault === undefined) {
        throw invalidRequest([{ field: "", rule: "required", message: "there is nothing to change" }]);
      }
      await changeAddress(params, ({ id, userId, etag, address }) => ({
        address: {
          id,
          userId,
          etag,
          ...(changes && address !== undefined ? { address: addressFrom(asked, address) } : {}),
          isDefault: Boolean(isDefault),
        },
        updateMask: {
          paths: [...(changes ? ["address"] : []), ...(isDefault === undefined ? [] : ["is_default"])],
        },
      }));
      return { updated: true };
    },
  );

  app.delete<{ Params: body.AddressPath }>(
    "/api/v1/users/:id/addresses/:aid",
    {
      config: { answers: { 200: answer.deleted } },
      schema: { summary: "Delete an address", params: body.addressPath },
    },
    async ({ params }) => {
      // In the contract, deleting again succeeds; here it is 404.
      const { id, userId } = await theAddress(params);
      await users.deleteAddress({ id, userId });
      return { deleted: true };
    },
  );

  /**
   * Reads an address and changes it, unless it has changed in between: then again, up to a limit. The callers of this surface
   * send only the fields to change, and know no versions.
   */
  async function changeAddress(
    path: body.AddressPath,
    change: (address: UserAddress) => MessageInitShape<typeof UpdateAddressRequestSchema>,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await users.updateAddress(change(await theAddress(path)));
        return;
      } catch (error) {
        if (errorInfo(error).reason !== "ETAG_MISMATCH" || tries === mostTries) {
          throw error;
        }
        await sleep(Math.random() * 5 * tries);
      }
    }
  }

  async function theAddress({ id, aid }: body.AddressPath): Promise<UserAddress> {
    const { address } = await users.getAddress({ userId: id, id: aid });
    if (address === undefined) {
      throw new Error(`the identity service answered without address ${aid}`);
    }
    return address;
  }
}

/** Of as many concurrent changes of one address, each round makes at least one. */
const mostTries = 50;
