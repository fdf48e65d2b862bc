import { type Refund, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { Action } from "../action.tsx";
import { amountText, readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";

/** The actions of an operator on a refund that the card provider refuses for good. */
export function RefundActions({ refund: { id, state, amount } }: { refund: Refund }) {
  const call = useCall();
  const isOperator = useIsOperator();
  if (!isOperator || state !== Refund_State.REFUSED) {
    return null;
  }
  const currency = amount?.currencyCode ?? "";
  return (
    <>
      <Action
        name={`retry-refund-${id}`}
        label="Ask the provider again"
        explanation="The card provider is asked again for this refund."
        run={() => call(PaymentService.method.retryRefund, { id })}
      />
      <Action
        name={`settle-refund-${id}`}
        label="Settle by hand"
        explanation="Records that the customer was paid back another way. Do that first; the ledger then says so."
        fields={[
          {
            name: "amount",
            label: `Amount in ${currency}`,
            initial: amountText(amount?.minorUnits ?? 0n, currency),
            required: true,
            maxLength: 20,
          },
          { name: "reason", label: "How and why the customer was paid", kind: "area", required: true, maxLength: 500 },
        ]}
        run={({ amount: text = "", reason = "" }, requestId) =>
          call(PaymentService.method.settleRefund, { id, reason, requestId, amount: readAmount(text, currency) })
        }
      />
    </>
  );
}
