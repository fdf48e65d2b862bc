import { randomUUID } from "node:crypto";
import type { UserAddress } from "@sagacart/proto/identity/v1/user";
import { invalidRequest } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import type { Clients } from "../services.ts";
import { addressFrom, allAddresses } from "./address-book.ts";
import * as answer from "./answers.ts";
import * as body from "./bodies.ts";
import { savedAddressOf, userOf } from "./views.ts";

/** Serves the shop's user service: sign-in, users, and their addresses. */
export function users(app: FastifyInstance, { clients }: { clients: Clients }): void {
  const { users } = clients;

  app.post<{ Body: body.Login }>(
    "/api/v1/login",
    {
      config: { open: true, signIn: true, answers: { 200: answer.login } },
      schema: { summary: "Sign in: the answer has the token for everything else", body: body.login, security: [] },
    },
    async ({ body: { username, password } }) => {
      const { session, user } = await users.signIn({ username, password });
      return { id: user?.id, username: user?.username, email: user?.email, token: session?.accessToken };
    },
  );

  app.post<{ Body: body.NewUser }>(
    "/api/v1/users",
    {
      config: { open: true, signIn: true, answers: { 201: answer.registered } },
      schema: { summary: "Register a user", body: body.newUser, security: [] },
    },
    async ({ body: { username, email, password, phone } }, reply) => {
      const { user } = await users.register({
        username: username.trim(),
        email: email.trim(),
        password,
        phone: phone?.trim() ?? "",
        requestId: randomUUID(),
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
      schema: { summary: "Add an address", params: body.id, body: body.newAddress },
    },
    async ({ params: { id }, body: asked }, reply) => {
      const { user } = await users.getUser({ id });
      const { address } = await users.createAddress({
        userId: id,
        address: addressFrom(asked, { recipient: user?.username ?? "" }),
        isDefault: Boolean(asked.is_default),
        requestId: randomUUID(),
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
      const { id, userId, etag, address } = await theAddress(params);
      await users.updateAddress({
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
      });
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

  async function theAddress({ id, aid }: body.AddressPath): Promise<UserAddress> {
    const { address } = await users.getAddress({ userId: id, id: aid });
    if (address === undefined) {
      throw new Error(`the identity service answered without address ${aid}`);
    }
    return address;
  }
}
