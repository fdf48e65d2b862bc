import { type Refund, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { amountText, readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { useShow } from "../use-show.ts";
import { moneyTexts } from "./money-texts.ts";

/** The actions of an operator on a refund that the card provider refuses for good. */
export function RefundActions({ refund: { id, state, amount } }: { refund: Refund }) {
  const text = useTexts(moneyTexts);
  const { language } = useShow();
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
        label={text.askAgain}
        explanation={text.askAgainExplanation}
        run={() => call(PaymentService.method.retryRefund, { id })}
      />
      <Action
        name={`settle-refund-${id}`}
        label={text.settle}
        explanation={text.settleExplanation}
        fields={[
          {
            name: "amount",
            label: text.amountIn(currency),
            initial: amountText(amount?.minorUnits ?? 0n, currency, language),
            required: true,
            maxLength: 20,
          },
          { name: "reason", label: text.settleReason, kind: "area", required: true, maxLength: 500 },
        ]}
        run={({ amount: typed = "", reason = "" }, requestId) =>
          call(PaymentService.method.settleRefund, {
            id,
            reason,
            requestId,
            amount: readAmount(typed, currency, language),
          })
        }
      />
    </>
  );
}
