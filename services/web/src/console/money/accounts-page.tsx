import { useQuery } from "@connectrpc/connect-query";
import { Group, Stack, Title } from "@mantine/core";
import type { Account, Posting } from "@sagacart/proto/payment/v1/account";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Facts, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { actorText, money, time } from "../show.ts";
import { To } from "../to.tsx";

/** The balances of customers. */
export function AccountsPage() {
  const { texts } = useAddress("page");
  const query = useQuery(AccountService.method.listAccounts, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title="Accounts"
      query={query}
      rowsOf={({ accounts }) => accounts}
      keyOf={keyOf}
      columns={columns}
      empty="No customer has an account yet."
      actions={<OpenAccount />}
    />
  );
}

const currencyOf = ({ balance }: Account) => balance?.currencyCode ?? "";
const keyOf = (account: Account) => `${account.customerId} ${currencyOf(account)}`;

const columns: readonly Column<Account>[] = [
  {
    head: "Customer",
    cell: (account) => <To parts={["accounts", account.customerId, currencyOf(account)]}>{account.customerId}</To>,
  },
  { head: "Balance", cell: ({ balance }) => money(balance), numeric: true },
  { head: "Opened", cell: ({ createTime }) => time(createTime) },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];

function OpenAccount() {
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="open"
      label="Open an account"
      fields={[
        { name: "customerId", label: "Customer id", required: true, maxLength: 63 },
        { name: "currencyCode", label: "Currency", description: "Empty for the shop's.", maxLength: 3 },
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
        title={`Account of ${customerId}`}
        actions={
          isOperator &&
          account !== undefined && (
            <Action
              name="deposit"
              label="Deposit"
              explanation={`Adds money to this balance in ${currencyCode}, by a journal entry that names you.`}
              fields={[{ name: "amount", label: `Amount in ${currencyCode}`, required: true, maxLength: 20 }]}
              run={({ amount = "" }, requestId) =>
                call(AccountService.method.deposit, { customerId, requestId, amount: readAmount(amount, currencyCode) })
              }
            />
          )
        }
      />
      <Waiting query={query} label="the account" />
      {account !== undefined && (
        <Facts
          facts={[
            ["Balance", money(account.balance)],
            [
              "Customer",
              <To key="customer" parts={["users", customerId]}>
                {customerId}
              </To>,
            ],
            [
              "Orders",
              <To key="orders" parts={["orders"]} search={{ customer: customerId }}>
                Orders of this customer
              </To>,
            ],
            ["Opened", time(account.createTime)],
            ["Changed", time(account.updateTime)],
          ]}
        />
      )}
      <Group>
        <Title order={2} size="h4">
          Statement
        </Title>
      </Group>
      <Paged
        label="Statement"
        query={postings}
        rowsOf={({ postings: rows }) => rows}
        keyOf={({ entryId }) => entryId}
        columns={postingColumns}
        empty="Nothing was posted to this account yet."
      />
    </Stack>
  );
}

const postingColumns: readonly Column<Posting>[] = [
  { head: "Entry", cell: ({ entryId, kind }) => <To parts={["journal", entryId]}>{kind.replaceAll("_", " ")}</To> },
  { head: "Amount", cell: ({ amount }) => money(amount), numeric: true },
  {
    head: "Payment",
    cell: ({ reference }) => reference !== "" && <To parts={["payments", reference]}>{reference}</To>,
  },
  { head: "By", cell: ({ actor }) => actorText(actor) },
  { head: "Recorded", cell: ({ createTime }) => time(createTime) },
];
