import { callerLeft } from "@sagacart/rest/caller-left";
import type { FastifyInstance } from "fastify";
import { fields, text, whole } from "../openapi/answers.ts";
import { idOfKey, keyOf } from "../request-key.ts";
import { putAll } from "./batch.ts";
import type { WdmOptions } from "./options.ts";
import { count, id, mostMoney, mostRows, path } from "./path-parameters.ts";

/** Serves `/payment`. A user is an account. */
export function paymentRoutes(app: FastifyInstance, { clients, currency, money }: WdmOptions): void {
  const { accounts, payments } = clients;

  app.post(
    "/payment/create_user",
    {
      config: { answers: { 200: fields({ user_id: text }) } },
      schema: { summary: "Open an account with nothing in it" },
    },
    async (request) => {
      const userId = idOfKey("user", "", keyOf(request));
      await accounts.createAccount({ customerId: userId, currencyCode: currency });
      return { user_id: userId };
    },
  );

  app.post<{ Params: { user_id: string; amount: number } }>(
    "/payment/add_funds/:user_id/:amount",
    {
      config: { answers: { 200: credit } },
      schema: { summary: "Pay money in", params: path({ user_id: id, amount: count(1, mostMoney) }) },
    },
    async (asked) => {
      const { params } = asked;
      const request = { customerId: params.user_id, amount: money(params.amount), requestId: keyOf(asked) };
      const { account } = await accounts.deposit(request);
      return { user_id: params.user_id, credit: Number(account?.balance?.minorUnits ?? 0n) };
    },
  );

  app.get<{ Params: { user_id: string } }>(
    "/payment/find_user/:user_id",
    {
      config: { answers: { 200: credit } },
      schema: { summary: "Tell a user's credit", params: path({ user_id: id }) },
    },
    async ({ params }) => {
      const { account } = await accounts.getAccount({ customerId: params.user_id, currencyCode: currency });
      return { user_id: params.user_id, credit: Number(account?.balance?.minorUnits ?? 0n) };
    },
  );

  app.post<{ Params: { user_id: string; amount: number } }>(
    "/payment/pay/:user_id/:amount",
    {
      config: { answers: { 200: fields({ user_id: text, payment_id: text }) } },
      schema: {
        summary: "Take money by hand; refused where there is too little",
        params: path({ user_id: id, amount: count(1, mostMoney) }),
      },
    },
    async (asked) => {
      const { params } = asked;
      const request = { customerId: params.user_id, amount: money(params.amount), requestId: keyOf(asked) };
      const { payment } = await payments.createPayment(request);
      return { user_id: params.user_id, payment_id: payment?.id };
    },
  );

  app.post<{ Params: { n: number; starting_money: number } }>(
    "/payment/batch_init/:n/:starting_money",
    {
      config: { answers: { 200: fields({ msg: text }) } },
      schema: {
        summary: "Make or overwrite the users 0 to n - 1",
        params: path({ n: count(1, mostRows), starting_money: count(0, mostMoney) }),
      },
    },
    async ({ params: { n, starting_money } }, reply) => {
      const signal = callerLeft(reply);
      const balance = money(starting_money);
      await putAll(n, (ids, options) =>
        accounts.batchPutAccounts(
          { items: ids.map((customerId) => ({ customerId, balance })) },
          { ...options, signal },
        ),
      );
      return { msg: `Batch init for users successful: ${n}` };
    },
  );
}

const credit = fields({ user_id: text, credit: whole });
