import { useQuery } from "@connectrpc/connect-query";
import { Group, Stack, Title } from "@mantine/core";
import type { Account, Posting } from "@sagacart/proto/payment/v1/account";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Facts, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { moneyTexts } from "./money-texts.ts";

/** The balances of customers. */
export function AccountsPage() {
  const text = useTexts(moneyTexts);
  const columns = useColumns();
  const { texts } = useAddress("page");
  const query = useQuery(AccountService.method.listAccounts, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title={text.accounts}
      query={query}
      rowsOf={({ accounts }) => accounts}
      keyOf={keyOf}
      columns={columns}
      empty={text.noAccount}
      actions={<OpenAccount />}
    />
  );
}

const currencyOf = ({ balance }: Account) => balance?.currencyCode ?? "";
const keyOf = (account: Account) => `${account.customerId} ${currencyOf(account)}`;

function useColumns(): readonly Column<Account>[] {
  const text = useTexts(moneyTexts);
  const { money, time } = useShow();
  return [
    {
      head: text.customer,
      cell: (account) => <To parts={["accounts", account.customerId, currencyOf(account)]}>{account.customerId}</To>,
    },
    { head: text.balance, cell: ({ balance }) => money(balance), numeric: true },
    { head: text.opened, cell: ({ createTime }) => time(createTime) },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}

function OpenAccount() {
  const text = useTexts(moneyTexts);
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="open"
      label={text.openAccount}
      fields={[
        { name: "customerId", label: text.customerId, required: true, maxLength: 63 },
        { name: "currencyCode", label: text.currency, description: text.currencyHint, maxLength: 3 },
      ]}
      run={({ customerId = "", currencyCode = "" }, requestId) =>
        call(AccountService.method.createAccount, {
          customerId: customerId.trim(),
          currencyCode: currencyCode.trim().toUpperCase(),
          requestId,
        })
      }
    />
  ) : null;
}

/** One account: its balance and its statement. */
export function AccountPage() {
  const text = useTexts(moneyTexts);
  const { language, money, time } = useShow();
  const postingColumns = usePostingColumns();
  const customerId = usePathPart("customer");
  const currencyCode = usePathPart("currency");
  const { texts } = useAddress("page");
  const call = useCall();
  const isOperator = useIsOperator();
  const query = useQuery(
    AccountService.method.getAccount,
    { customerId, currencyCode },
    { refetchInterval: refreshMs },
  );
  const postings = useQuery(
    AccountService.method.listPostings,
    { customerId, currencyCode, pageToken: texts.page ?? "" },
    listOptions,
  );
  const account = query.data?.account;
  return (
    <Stack>
      <Heading
        title={text.accountOf(customerId)}
        actions={
          isOperator &&
          account !== undefined && (
            <Action
              name="deposit"
              label={text.deposit}
              explanation={text.depositExplanation(currencyCode)}
              fields={[{ name: "amount", label: text.amountIn(currencyCode), required: true, maxLength: 20 }]}
              run={({ amount = "" }, requestId) =>
                call(AccountService.method.deposit, {
                  customerId,
                  requestId,
                  amount: readAmount(amount, currencyCode, language),
                })
              }
            />
          )
        }
      />
      <Waiting query={query} label={text.theAccount} />
      {account !== undefined && (
        <Facts
          facts={[
            [text.balance, money(account.balance)],
            [
              text.customer,
              <To key="customer" parts={["users", customerId]}>
                {customerId}
              </To>,
            ],
            [
              text.orders,
              <To key="orders" parts={["orders"]} search={{ customer: customerId }}>
                {text.ordersOfCustomer}
              </To>,
            ],
            [text.opened, time(account.createTime)],
            [text.changed, time(account.updateTime)],
          ]}
        />
      )}
      <Group>
        <Title order={2} size="h4">
          {text.statement}
        </Title>
      </Group>
      <Paged
        label={text.statement}
        query={postings}
        rowsOf={({ postings: rows }) => rows}
        keyOf={({ entryId }) => entryId}
        columns={postingColumns}
        empty={text.noPosting}
      />
    </Stack>
  );
}

function usePostingColumns(): readonly Column<Posting>[] {
  const text = useTexts(moneyTexts);
  const { actorText, entryKind, money, time } = useShow();
  return [
    { head: text.entry, cell: ({ entryId, kind }) => <To parts={["journal", entryId]}>{entryKind(kind)}</To> },
    { head: text.amount, cell: ({ amount }) => money(amount), numeric: true },
    {
      head: text.payment,
      cell: ({ reference }) => reference !== "" && <To parts={["payments", reference]}>{reference}</To>,
    },
    { head: text.by, cell: ({ actor }) => actorText(actor) },
    { head: text.recorded, cell: ({ createTime }) => time(createTime) },
  ];
}
