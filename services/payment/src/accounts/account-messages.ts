import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Account as AccountMessage,
  AccountSchema,
  type Posting as PostingMessage,
  PostingSchema,
} from "@sagacart/proto/payment/v1/account";
import type { Account, Posting } from "./account.ts";

export function accountMessage(account: Account): AccountMessage {
  return create(AccountSchema, {
    customerId: account.customerId,
    balance: { currencyCode: account.currency, minorUnits: account.balanceMinor },
    createTime: timestampFromDate(account.createTime),
    updateTime: timestampFromDate(account.updateTime),
  });
}

export function postingMessage(posting: Posting, currencyCode: string): PostingMessage {
  return create(PostingSchema, {
    entryId: posting.entryId,
    kind: posting.kind,
    reference: posting.reference,
    amount: { currencyCode, minorUnits: posting.amountMinor },
    createTime: timestampFromDate(posting.createTime),
    ...(posting.actor === undefined ? {} : { actor: posting.actor }),
  });
}
