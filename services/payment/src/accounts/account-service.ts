import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Actor, currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import {
  badPageToken,
  decodeIdToken,
  decodePageToken,
  encodePageToken,
  nextIdToken,
  pageSize,
} from "@sagacart/chassis/postgres/page";
import { type Pool, type Queryable, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { checkCurrency } from "@sagacart/chassis/rpc/violation";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  type AccountService,
  BatchPutAccountsResponseSchema,
  CreateAccountRequestSchema,
  CreateAccountResponseSchema,
  DepositRequestSchema,
  DepositResponseSchema,
  GetAccountResponseSchema,
  GetJournalEntryResponseSchema,
  ListAccountsResponseSchema,
  ListJournalEntriesResponseSchema,
  ListPostingsResponseSchema,
} from "@sagacart/proto/payment/v1/account_service";
import { lastUuid, uuidPattern } from "../ids.ts";
import { findEntry, listEntries } from "../ledger/journal-store.ts";
import type { Entry, Ledger } from "../ledger/ledger.ts";
import { accountNotFound, reasons } from "../reasons.ts";
import { type Account, type AccountKey, accountKey, balanceLimitMinor } from "./account.ts";
import { accountMessage, postingMessage } from "./account-messages.ts";
import { findAccount, insertAccounts, listAccounts, listPostings, lockAccounts } from "./account-store.ts";

export type AccountServiceOptions = { pool: Pool; ledger: Ledger; shopCurrency: string };

/** Implements AccountService. */
export function accountService({
  pool,
  ledger,
  shopCurrency,
}: AccountServiceOptions): ServiceImpl<typeof AccountService> {
  const keyOf = (request: { customerId: string; currencyCode: string }): AccountKey => ({
    customerId: request.customerId,
    currency: request.currencyCode || shopCurrency,
  });
  return {
    async createAccount(request) {
      if (request.currencyCode !== "") {
        checkCurrency("currency_code", request.currencyCode);
      }
      const key = { ...keyOf(request), customerId: await chooseCustomerId(pool, request) };
      await insertAccounts(pool, [key]);
      return create(CreateAccountResponseSchema, { account: accountMessage(await get(pool, key)) });
    },
    async getAccount(request) {
      return create(GetAccountResponseSchema, { account: accountMessage(await get(pool, keyOf(request))) });
    },
    async listAccounts({ pageToken, pageSize: size }) {
      const [customerId, currency] = decodePageToken(pageToken, "accounts", ["string", "string"]) ?? ["", ""];
      const limit = pageSize(size);
      if (!/^[A-Za-z0-9._~-]{0,63} [A-Z]{0,3}$/.test(`${customerId} ${currency}`)) {
        throw badPageToken();
      }
      const accounts = await listAccounts(pool, { customerId, currency }, limit);
      const last = accounts.length === limit ? accounts.at(-1) : undefined;
      return create(ListAccountsResponseSchema, {
        accounts: accounts.map(accountMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.customerId, last.currency], "accounts"),
      });
    },
    async deposit(request) {
      const { customerId, requestId, amount } = request;
      checkCurrency("amount.currency_code", amount?.currencyCode ?? shopCurrency);
      const key = { customerId, currency: amount?.currencyCode ?? shopCurrency };
      const fingerprint = fingerprintOf(DepositRequestSchema, request, { without: ["request_id"] });
      const guard = callerGuard(customerId, { requestId, fingerprint });
      await once(pool, { scope: customerId, requestId, method: "Deposit", fingerprint, guard }, async (tx) => {
        await deposit(tx, ledger, key, amount?.minorUnits ?? 0n, currentActor());
        return customerId;
      });
      return create(DepositResponseSchema, { account: accountMessage(await get(pool, key)) });
    },
    async listPostings(request) {
      const account = await get(pool, keyOf(request));
      const list = `postings of ${accountKey(account)}`;
      const [entryId, line] = decodePageToken(request.pageToken, list, ["string", "number"]) ?? [lastUuid, 0];
      if (!uuidPattern.test(entryId) || !/^\d{1,4}$/.test(`${line}`)) {
        throw badPageToken();
      }
      const limit = pageSize(request.pageSize);
      const postings = await listPostings(pool, { accountId: account.id, before: { entryId, line }, limit });
      const last = postings.length === limit ? postings.at(-1) : undefined;
      return create(ListPostingsResponseSchema, {
        postings: postings.map((posting) => postingMessage(posting, account.currency)),
        nextPageToken: last === undefined ? "" : encodePageToken([last.entryId, last.line], list),
      });
    },
    async listJournalEntries({ paymentId, ...page }) {
      const list = `journal ${paymentId}`;
      const before = decodeIdToken(page.pageToken, list, uuidPattern) || lastUuid;
      const limit = pageSize(page.pageSize);
      const entries = await listEntries(pool, { reference: paymentId, before, limit });
      return create(ListJournalEntriesResponseSchema, { entries, nextPageToken: nextIdToken(entries, limit, list) });
    },
    async getJournalEntry({ id }) {
      const entry = uuidPattern.test(id) ? await findEntry(pool, id) : undefined;
      if (entry === undefined) {
        const message = `there is no journal entry ${id}`;
        throw new DomainError(reasons, "JOURNAL_ENTRY_NOT_FOUND", message, { entry_id: id });
      }
      return create(GetJournalEntryResponseSchema, { entry });
    },
    async batchPutAccounts({ items }) {
      const wanted = items.map(({ customerId, balance }) => ({
        customerId,
        currency: balance?.currencyCode ?? shopCurrency,
        balanceMinor: balance?.minorUnits ?? 0n,
      }));
      for (const [index, { currency }] of wanted.entries()) {
        checkCurrency(`items[${index}].balance.currency_code`, currency);
      }
      refuseNamedTwice("items", wanted.map(accountKey));
      await withTransaction(pool, (tx) => putAccounts(tx, ledger, wanted, currentActor()));
      return create(BatchPutAccountsResponseSchema, { count: items.length });
    },
  };
}

/** Returns the customer id of the request, or makes one; a repeat of the request gets the same. */
async function chooseCustomerId(pool: Pool, request: Parameters<typeof fingerprint>[0]): Promise<string> {
  const { resourceId } = await once(
    pool,
    { scope: "", requestId: request.requestId, method: "CreateAccount", fingerprint: fingerprint(request) },
    async () => request.customerId || uuidv7(),
  );
  return resourceId;
}

const fingerprint = (request: Parameters<typeof fingerprintOf<typeof CreateAccountRequestSchema>>[1]) =>
  fingerprintOf(CreateAccountRequestSchema, request, { without: ["request_id"] });

async function get(db: Queryable, key: AccountKey): Promise<Account> {
  const account = await findAccount(db, key);
  if (account === undefined) {
    throw accountNotFound(key);
  }
  return account;
}

async function deposit(
  tx: Transaction,
  ledger: Ledger,
  key: AccountKey,
  amountMinor: bigint,
  actor: Actor,
): Promise<void> {
  const account = (await lockAccounts(tx, [key])).get(accountKey(key));
  if (account === undefined) {
    throw accountNotFound(key);
  }
  if (account.balanceMinor + amountMinor > balanceLimitMinor) {
    const { customerId } = key;
    const message = `the balance of customer ${customerId} would exceed ${balanceLimitMinor} minor units; deposit less`;
    throw new DomainError(reasons, "BALANCE_LIMIT", message, { customer_id: customerId });
  }
  const { currency } = key;
  const movement = { account: account.id, counter: "cash:deposits", gainMinor: amountMinor } as const;
  await ledger.post(tx, [{ kind: "deposit", reference: "", currency, ...movement }], actor);
}

async function putAccounts(
  tx: Transaction,
  ledger: Ledger,
  wanted: readonly (AccountKey & { balanceMinor: bigint })[],
  actor: Actor,
): Promise<void> {
  await insertAccounts(tx, wanted);
  const accounts = await lockAccounts(tx, wanted);
  const entries = wanted.flatMap((want): Entry[] => {
    const account = accounts.get(accountKey(want));
    const gainMinor = want.balanceMinor - (account?.balanceMinor ?? 0n);
    const { currency } = want;
    return account === undefined || gainMinor === 0n
      ? []
      : [{ kind: "adjustment", reference: "", currency, account: account.id, counter: "adjustments", gainMinor }];
  });
  await ledger.post(tx, entries, actor);
}
