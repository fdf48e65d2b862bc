import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { JournalEntry, JournalLine } from "@sagacart/proto/payment/v1/account";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { useTexts } from "../../i18n/language.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, Waiting } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { amountsMoved, linesOf } from "./journal-lines.ts";
import { moneyTexts } from "./money-texts.ts";

/** The journal of the ledger. */
export function JournalPage() {
  const text = useTexts(moneyTexts);
  const columns = useColumns();
  const { texts } = useAddress("payment", "page");
  const query = useQuery(
    AccountService.method.listJournalEntries,
    { paymentId: texts.payment ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.journal}
      explanation={text.journalExplanation}
      query={query}
      rowsOf={({ entries }) => entries}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noEntry}
      filters={<Filters filters={[{ name: "payment", label: text.paymentId }]} />}
    />
  );
}

function useColumns(): readonly Column<JournalEntry>[] {
  const text = useTexts(moneyTexts);
  const { actorText, entryKind, money, time } = useShow();
  return [
    { head: text.entry, cell: ({ id, kind }) => <To parts={["journal", id]}>{entryKind(kind)}</To> },
    { head: text.from, cell: ({ lines }) => <Accounts lines={lines} sign={-1n} /> },
    { head: text.toAccounts, cell: ({ lines }) => <Accounts lines={lines} sign={1n} /> },
    {
      head: text.amount,
      cell: ({ lines }) => amountsMoved(lines).map(money).join(", "),
      numeric: true,
    },
    {
      head: text.payment,
      cell: ({ reference }) => reference !== "" && <To parts={["payments", reference]}>{reference}</To>,
    },
    { head: text.by, cell: ({ actor }) => actorText(actor) },
    { head: text.recorded, cell: ({ createTime }) => time(createTime) },
  ];
}

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
  const text = useTexts(moneyTexts);
  const { actorText, entryKind, time } = useShow();
  const lineColumns = useLineColumns();
  const id = usePathPart("id");
  const query = useQuery(AccountService.method.getJournalEntry, { id });
  const entry = query.data?.entry;
  return (
    <Stack>
      <Heading title={text.entryOf(id)} />
      <Waiting query={query} label={text.theEntry} />
      {entry !== undefined && (
        <>
          <Facts
            facts={[
              [text.kind, entryKind(entry.kind)],
              [
                text.payment,
                entry.reference && (
                  <To key="payment" parts={["payments", entry.reference]}>
                    {entry.reference}
                  </To>
                ),
              ],
              [text.by, actorText(entry.actor)],
              [text.recorded, time(entry.createTime)],
            ]}
          />
          <Title order={2} size="h4">
            {text.lines}
          </Title>
          <Rows label={text.lines} rows={entry.lines} keyOf={(_line, index) => String(index)} columns={lineColumns} />
        </>
      )}
    </Stack>
  );
}

function useLineColumns(): readonly Column<JournalLine>[] {
  const text = useTexts(moneyTexts);
  const { money } = useShow();
  return [
    { head: text.account, cell: (line) => <AccountOf line={line} /> },
    { head: text.amount, cell: ({ amount }) => money(amount), numeric: true },
  ];
}
