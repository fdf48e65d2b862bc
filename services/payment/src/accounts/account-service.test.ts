import { timestampMs } from "@bufbuild/protobuf/wkt";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import { balanceOf, fund, reasonOf, usd } from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";

let shop: TestPayment;
beforeAll(async () => {
  shop = await startTestPayment();
});
afterAll(() => shop[Symbol.asyncDispose]());

const limit = 10n ** 15n;

test("an account is opened with a balance of zero, in the shop's currency", async () => {
  const { account } = await shop.accounts.createAccount({ customerId: "new" });

  expect(account).toMatchObject({ customerId: "new", balance: usd(0n) });
  expect((await shop.accounts.getAccount({ customerId: "new" })).account).toEqual(account);
});

test("an account that is created again keeps its balance", async () => {
  await fund(shop, "again", 70n);

  const { account } = await shop.accounts.createAccount({ customerId: "again" });

  expect(account?.balance).toMatchObject(usd(70n));
});

test("a customer may have an account in each currency", async () => {
  await shop.accounts.createAccount({ customerId: "rich" });
  await shop.accounts.createAccount({ customerId: "rich", currencyCode: "EUR" });
  await shop.accounts.deposit({ customerId: "rich", amount: { currencyCode: "EUR", minorUnits: 5n } });

  const { account: euros } = await shop.accounts.getAccount({ customerId: "rich", currencyCode: "EUR" });
  expect(euros?.balance).toMatchObject({ currencyCode: "EUR", minorUnits: 5n });
  expect(await balanceOf(shop, "rich")).toBe(0n);
});

test("without an id the service makes one, and the same one for the same request id", async () => {
  const first = await shop.accounts.createAccount({ requestId: "r-1" });
  const same = await shop.accounts.createAccount({ requestId: "r-1" });
  const other = await shop.accounts.createAccount({ requestId: "r-2" });

  expect(same.account).toEqual(first.account);
  expect(other.account?.customerId).not.toBe(first.account?.customerId);
  expect(await reasonOf(shop.accounts.createAccount({ requestId: "r-1", currencyCode: "EUR" }))).toBe(
    "REQUEST_ID_REUSED",
  );
});

test("an account that does not exist is not found", async () => {
  const error = errorInfo(await shop.accounts.getAccount({ customerId: "nobody" }).catch((error) => error));

  expect(error).toMatchObject({
    reason: "ACCOUNT_NOT_FOUND",
    domain: "payment.sagacart",
    message: "customer nobody has no account in USD; create one",
    metadata: { customer_id: "nobody", currency_code: "USD" },
  });
  expect(await reasonOf(shop.accounts.listPostings({ customerId: "nobody" }))).toBe("ACCOUNT_NOT_FOUND");
});

test("the same deposit fifty times at once is paid in once", async () => {
  await shop.accounts.createAccount({ customerId: "saver" });
  const deposit = () => shop.accounts.deposit({ customerId: "saver", amount: usd(10n), requestId: "salary" });

  const answers = await Promise.all(Array.from({ length: 50 }, deposit));

  expect(new Set(answers.map(({ account }) => account?.balance?.minorUnits))).toEqual(new Set([10n]));
});

test("a deposit's request id belongs to its customer and to one content", async () => {
  await shop.accounts.createAccount({ customerId: "a" });
  await shop.accounts.createAccount({ customerId: "b" });
  await shop.accounts.deposit({ customerId: "a", amount: usd(10n), requestId: "same" });
  await shop.accounts.deposit({ customerId: "b", amount: usd(20n), requestId: "same" });

  expect([await balanceOf(shop, "a"), await balanceOf(shop, "b")]).toEqual([10n, 20n]);
  expect(await reasonOf(shop.accounts.deposit({ customerId: "a", amount: usd(11n), requestId: "same" }))).toBe(
    "REQUEST_ID_REUSED",
  );
});

test("a deposit needs an account in its currency, and a repeat fails in the same way", async () => {
  const deposit = () => shop.accounts.deposit({ customerId: "later", amount: usd(1n), requestId: "too-early" });

  expect(await reasonOf(deposit())).toBe("ACCOUNT_NOT_FOUND");
  await shop.accounts.createAccount({ customerId: "later" });
  expect(await reasonOf(deposit())).toBe("ACCOUNT_NOT_FOUND");
});

test("deposits raise a balance to 10^15 minor units and not beyond", async () => {
  await fund(shop, "full", limit - 1n);

  await shop.accounts.deposit({ customerId: "full", amount: usd(1n) });

  expect(await reasonOf(shop.accounts.deposit({ customerId: "full", amount: usd(1n) }))).toBe("BALANCE_LIMIT");
  expect(await balanceOf(shop, "full")).toBe(limit);
});

test("accounts are listed by customer, page by page, each once", async () => {
  await using other = await startTestPayment();
  const customers = Array.from({ length: 7 }, (_, index) => `c-${index}`);
  await other.accounts.batchPutAccounts({ items: customers.map((customerId) => ({ customerId, balance: usd(1n) })) });
  const seen: string[] = [];
  let pageToken = "";

  do {
    const page = await other.accounts.listAccounts({ pageSize: 3, pageToken });
    seen.push(...page.accounts.map(({ customerId }) => customerId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");

  expect(seen).toEqual(customers);
});

test("postings are listed newest first, page by page, and sum to the balance", async () => {
  await shop.accounts.createAccount({ customerId: "busy" });
  for (const minorUnits of [1n, 2n, 3n, 4n, 5n]) {
    await shop.accounts.deposit({ customerId: "busy", amount: usd(minorUnits) });
  }

  const first = await shop.accounts.listPostings({ customerId: "busy", pageSize: 3 });
  const second = await shop.accounts.listPostings({ customerId: "busy", pageSize: 3, pageToken: first.nextPageToken });

  const postings = [...first.postings, ...second.postings];
  expect(postings.map(({ kind, amount }) => `${kind} ${amount?.minorUnits}`)).toEqual(
    [5, 4, 3, 2, 1].map((amount) => `deposit ${amount}`),
  );
  expect(second.nextPageToken).toBe("");
  expect(timestampMs(postings[0]!.createTime!)).toBeGreaterThanOrEqual(timestampMs(postings[4]!.createTime!));
});

test.each([
  ["another list's", (token: string) => shop.accounts.listAccounts({ pageToken: token })],
  ["another account's", (token: string) => shop.accounts.listPostings({ customerId: "a", pageToken: token })],
])("%s page token is refused", async (_, list) => {
  await shop.accounts.createAccount({ customerId: "paged" });
  await shop.accounts.deposit({ customerId: "paged", amount: usd(1n) });
  await shop.accounts.deposit({ customerId: "paged", amount: usd(1n) });
  const { nextPageToken } = await shop.accounts.listPostings({ customerId: "paged", pageSize: 1 });

  expect(await reasonOf(list(nextPageToken))).toBe("BAD_PAGE_TOKEN");
});

test("five thousand accounts are put at once; put again, they get entries only where the balance differs", async () => {
  await using other = await startTestPayment();
  const items = Array.from({ length: 5_000 }, (_, index) => ({ customerId: `c-${index}`, balance: usd(100n) }));
  const entries = async () => (await other.pool.query("select count(*) from journal_entries")).rows[0].count;

  expect((await other.accounts.batchPutAccounts({ items })).count).toBe(5_000);
  expect(await entries()).toBe(5_000n);
  await other.accounts.batchPutAccounts({ items });
  expect(await entries()).toBe(5_000n);
  await other.accounts.batchPutAccounts({ items: [{ customerId: "c-7", balance: usd(30n) }, ...items.slice(100)] });

  expect(await entries()).toBe(5_001n);
  expect(await balanceOf(other, "c-7")).toBe(30n);
  const { postings } = await other.accounts.listPostings({ customerId: "c-7" });
  expect(postings.map(({ kind, amount }) => `${kind} ${amount?.minorUnits}`)).toEqual([
    "adjustment -70",
    "adjustment 100",
  ]);
  expect(await auditBooks(other.pool)).toEqual([]);
});

test("a batch of accounts that names one twice is refused as a whole", async () => {
  const item = { customerId: "twice", balance: usd(1n) };

  await expect(shop.accounts.batchPutAccounts({ items: [item, { ...item, balance: usd(2n) }] })).rejects.toThrow(
    "items",
  );
  expect(await reasonOf(shop.accounts.getAccount({ customerId: "twice" }))).toBe("ACCOUNT_NOT_FOUND");
});
