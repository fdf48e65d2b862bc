import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertAccounts, lockAccounts } from "../accounts/account-store.ts";
import { migrations } from "../testing/stack.ts";
import { createLedger } from "./ledger-store.ts";

const key = { customerId: "ada", currency: "USD" };

/** A database in which ada has 500, and the ids of her account and of the shop's. */
async function openBooks() {
  const database = await testDatabase(migrations);
  const { pool } = database;
  await insertAccounts(pool, [key]);
  const ada = (await lockAccountsOf(pool)).get("ada USD")!.id;
  const deposit = { kind: "deposit", reference: "", currency: "USD", account: ada, counter: "cash:deposits" } as const;
  await withTransaction(pool, (tx) => createLedger().post(tx, [{ ...deposit, gainMinor: 500n }]));
  const { rows } = await pool.query("select id from accounts where name = 'cash:deposits'");
  return { ...database, ada, cash: rows[0].id as bigint, [Symbol.asyncDispose]: database[Symbol.asyncDispose] };
}

// What is refused leaves nothing behind, so one database serves all.
let books: Awaited<ReturnType<typeof openBooks>>;
beforeAll(async () => {
  books = await openBooks();
});
afterAll(() => books[Symbol.asyncDispose]());

const lockAccountsOf = (pool: Parameters<typeof withTransaction>[0]) =>
  withTransaction(pool, (tx) => lockAccounts(tx, [key]));

test("an entry changes the customer's balance, and no row of the shop's accounts", async () => {
  const { rows } = await books.pool.query("select name, balance from accounts where currency = 'USD' order by id");
  expect(rows).toEqual([
    { name: null, balance: 500n },
    { name: "cash:deposits", balance: null },
  ]);
});

test("two ledgers make the shop's accounts of a new currency once", async () => {
  const { pool } = books;
  await insertAccounts(pool, [{ customerId: "ada", currency: "EUR" }]);
  const { rows: accounts } = await pool.query("select id from accounts where currency = 'EUR'");
  const entry = { kind: "deposit", reference: "", currency: "EUR", account: accounts[0].id as bigint } as const;

  await Promise.all(
    Array.from({ length: 8 }, () => {
      const ledger = createLedger();
      const entries = [{ ...entry, counter: "cash:deposits", gainMinor: 1n } as const];
      return withTransaction(pool, (tx) => ledger.post(tx, entries));
    }),
  );

  const { rows } = await pool.query("select name, balance from accounts where currency = 'EUR' order by id");
  expect(rows).toEqual([
    { name: null, balance: 8n },
    { name: "cash:deposits", balance: null },
  ]);
});

const entryId = uuidv7();
const entry = `insert into journal_entries (id, kind, reference) values ('${entryId}', 'deposit', '')`;
const postings = "insert into postings (entry_id, line, account_id, currency, amount_minor) values";

test.each([
  [
    "postings that do not sum to zero",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 5), ('${entryId}', 2, $cash, 'USD', -4)`,
    `the postings of journal entry ${entryId} do not sum to zero`,
  ],
  [
    "a single posting",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 5)`,
    `the postings of journal entry ${entryId} do not sum to zero`,
  ],
  [
    "postings that sum to zero over two currencies only",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 5), ('${entryId}', 2, $cash, 'EUR', -5)`,
    `the postings of journal entry ${entryId} do not sum to zero`,
  ],
  [
    "postings of one entry that another entry makes up for",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 5), ('${uuidv7()}', 1, $cash, 'USD', -5)`,
    "do not sum to zero",
  ],
  [
    "a posting of no entry",
    `${postings} ('${entryId}', 1, $ada, 'USD', 5), ('${entryId}', 2, $cash, 'USD', -5)`,
    `there is no journal entry ${entryId}`,
  ],
  [
    "a posting for no account",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 5), ('${entryId}', 2, 999, 'USD', -5)`,
    "for an account that is not there or in another currency",
  ],
  [
    "a posting in another currency than its account's",
    `${entry}; ${postings} ('${entryId}', 1, $ada, 'EUR', 5), ('${entryId}', 2, $cash, 'EUR', -5)`,
    "for an account that is not there or in another currency",
  ],
  ["a posting of nothing", `${entry}; ${postings} ('${entryId}', 1, $ada, 'USD', 0)`, "postings_amount_minor_check"],
  ["a change of a posting", "update postings set amount_minor = 1", "update of postings is refused"],
  ["the loss of a posting", "delete from postings", "delete of postings is refused"],
  ["the loss of all postings", "truncate postings", "truncate of postings is refused"],
  ["a change of an entry", "update journal_entries set kind = 'charge'", "update of journal_entries is refused"],
  ["the loss of an entry", "delete from journal_entries", "delete of journal_entries is refused"],
  ["the loss of all entries", "truncate journal_entries", "truncate of journal_entries is refused"],
  ["the loss of an account", "delete from accounts", "delete of accounts is refused"],
  ["another currency for an account", "update accounts set currency = 'EUR'", "update of accounts is refused"],
  ["another owner of an account", "update accounts set customer_id = 'eve'", "update of accounts is refused"],
  ["a balance below zero", "update accounts set balance = -1 where id = $ada", "accounts_balance_check"],
])("the database refuses %s, even to its owner", async (_, sql, message) => {
  const { owner, ada, cash } = books;

  await expect(owner.query(sql.replaceAll("$ada", `${ada}`).replaceAll("$cash", `${cash}`))).rejects.toThrow(message);
});

const columns = "id, kind, order_id, attempt, customer_id, currency, amount_minor, state";
const payment = (order: string, attempt: number, state: string) =>
  `('${uuidv7()}', 'ORDER', '${order}', ${attempt}, 'ada', 'USD', 100, '${state}'`;

test.each([
  [
    "two live attempts of an order",
    `insert into payments (${columns}, captured_minor, next_ask_time) values
     ${payment("o", 1, "CAPTURED")}, 100, null), ${payment("o", 2, "PENDING")}, 0, now())`,
    "payments_live",
  ],
  [
    "an attempt twice",
    `insert into payments (${columns}) values ${payment("o", 1, "DECLINED")}), ${payment("o", 1, "DECLINED")})`,
    "payments_order_id_attempt_key",
  ],
  [
    "refunds beyond the capture",
    `insert into payments (${columns}, captured_minor, refunded_minor) values ${payment("o", 1, "CAPTURED")}, 100, 101)`,
    "payments_check",
  ],
  [
    "a capture of a part",
    `insert into payments (${columns}, captured_minor) values ${payment("o", 1, "CAPTURED")}, 99)`,
    "payments_check",
  ],
  [
    "a voided payment that is charged on balance",
    `insert into payments (${columns}, captured_minor, refunded_minor) values ${payment("o", 1, "VOIDED")}, 100, 99)`,
    "payments_check",
  ],
  [
    "a declined payment that is charged on balance",
    `insert into payments (${columns}, captured_minor) values ${payment("o", 1, "DECLINED")}, 100)`,
    "payments_check",
  ],
  [
    "a pending payment that nobody will ask for",
    `insert into payments (${columns}) values ${payment("o", 1, "PENDING")})`,
    "payments_check",
  ],
  [
    "an attempt beyond the twentieth",
    `insert into payments (${columns}) values ${payment("o", 21, "DECLINED")})`,
    "payments_attempt_check",
  ],
])("the database refuses %s", async (_, sql, constraint) => {
  await expect(books.pool.query(sql)).rejects.toThrow(constraint);
});
