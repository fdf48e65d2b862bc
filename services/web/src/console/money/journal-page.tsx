import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { JournalEntry, JournalLine } from "@sagacart/proto/payment/v1/account";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { useAddress, usePathPart } from "../address.ts";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, Waiting } from "../list.tsx";
import { actorText, money, time } from "../show.ts";
import { To } from "../to.tsx";
import { amountsMoved, linesOf } from "./journal-lines.ts";

/** The journal of the ledger. */
export function JournalPage() {
  const { texts } = useAddress("payment", "page");
  const query = useQuery(
    AccountService.method.listJournalEntries,
    { paymentId: texts.payment ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Journal"
      explanation="Every movement of money. Entries are never changed, and the lines of each sum to zero."
      query={query}
      rowsOf={({ entries }) => entries}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No entry matches."
      filters={<Filters filters={[{ name: "payment", label: "Payment id" }]} />}
    />
  );
}

const columns: readonly Column<JournalEntry>[] = [
  { head: "Entry", cell: ({ id, kind }) => <To parts={["journal", id]}>{kind.replaceAll("_", " ")}</To> },
  { head: "From", cell: ({ lines }) => <Accounts lines={lines} sign={-1n} /> },
  { head: "To", cell: ({ lines }) => <Accounts lines={lines} sign={1n} /> },
  {
    head: "Amount",
    cell: ({ lines }) => amountsMoved(lines).map(money).join(", "),
    numeric: true,
  },
  {
    head: "Payment",
    cell: ({ reference }) => reference !== "" && <To parts={["payments", reference]}>{reference}</To>,
  },
  { head: "By", cell: ({ actor }) => actorText(actor) },
  { head: "Recorded", cell: ({ createTime }) => time(createTime) },
];

/** The accounts of an entry that lost money, or those that gained it. */
function Accounts({ lines, sign }: { lines: readonly JournalLine[]; sign: 1n | -1n }) {
  return linesOf(lines, sign).map((line) => <AccountOf key={String(line.account.value)} line={line} />);
}

function AccountOf({ line: { account, amount } }: { line: JournalLine }) {
  return account.case === "customerId" ? (
    <To parts={["accounts", account.value, amount?.currencyCode ?? ""]}>{account.value}</To>
  ) : (
    <span>{account.value}</span>
  );
}

/** One entry with its lines. */
export function JournalEntryPage() {
  const id = usePathPart("id");
  const query = useQuery(AccountService.method.getJournalEntry, { id });
  const entry = query.data?.entry;
  return (
    <Stack>
      <Heading title={`Journal entry ${id}`} />
      <Waiting query={query} label="the entry" />
      {entry !== undefined && (
        <>
          <Facts
            facts={[
              ["Kind", entry.kind.replaceAll("_", " ")],
              [
                "Payment",
                entry.reference && (
                  <To key="payment" parts={["payments", entry.reference]}>
                    {entry.reference}
                  </To>
                ),
              ],
              ["By", actorText(entry.actor)],
              ["Recorded", time(entry.createTime)],
            ]}
          />
          <Title order={2} size="h4">
            Lines
          </Title>
          <Rows label="Lines" rows={entry.lines} keyOf={(_line, index) => String(index)} columns={lineColumns} />
        </>
      )}
    </Stack>
  );
}

const lineColumns: readonly Column<JournalLine>[] = [
  { head: "Account", cell: (line) => <AccountOf line={line} /> },
  { head: "Amount", cell: ({ amount }) => money(amount), numeric: true },
];
