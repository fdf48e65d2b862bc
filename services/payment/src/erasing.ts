import { isMessage, type Message } from "@bufbuild/protobuf";
import { type Erasing, type ErasingOptions, startErasing } from "@sagacart/privacy/erasing";
import { BatchPutAccountsRequestSchema } from "@sagacart/proto/payment/v1/account_service";

/** Deletes the personal data of deleted users, and refuses what would be kept under their ids. */
export function startPaymentErasing(options: Pick<ErasingOptions, "pool" | "log" | "channel" | "settleMs">): Erasing {
  return startErasing({ ...options, service: "payment", after: ["order"], customersOf });
}

/** Returns the customers whose accounts a request opens or sets. Charges are not refused: they belong to orders under way. */
function customersOf(request: Message): readonly string[] {
  return isMessage(request, BatchPutAccountsRequestSchema) ? request.items.map(({ customerId }) => customerId) : [];
}
