import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { checkCurrency } from "@sagacart/chassis/rpc/violation";
import {
  BatchChargeResponseSchema,
  BatchVoidResponseSchema,
  ChargeResponseSchema,
  CreatePaymentRequestSchema,
  CreatePaymentResponseSchema,
  DismissParkedWebhookResponseSchema,
  GetPaymentResponseSchema,
  ListParkedWebhooksResponseSchema,
  ListPaymentsResponseSchema,
  type PaymentService,
  ReceiveWebhookResponseSchema,
  RetryParkedWebhookResponseSchema,
} from "@sagacart/proto/payment/v1/payment_service";
import type { Money } from "@sagacart/proto/type/v1/money";
import type { WebhookInbox } from "@sagacart/provider/webhook-inbox";
import type { DisputeRpcs } from "../disputes/dispute-service.ts";
import { lastUuid, uuidPattern } from "../ids.ts";
import type { Meters } from "../meters.ts";
import { reasons } from "../reasons.ts";
import type { RefundRpcs } from "../refunds/refund-service.ts";
import type { ChargeOrders, Outcome } from "./charge.ts";
import type { CreatePayment } from "./create-payment.ts";
import type { Intent, Payment } from "./payment.ts";
import { outcomeMessage, paymentMessage, voidedMessage } from "./payment-messages.ts";
import { findByOrders, findPayments, listPayments } from "./payment-store.ts";
import type { VoidOrders } from "./void.ts";

export type PaymentServiceOptions = {
  pool: Pool;
  meters: Meters;
  chargeOrders: ChargeOrders;
  voidOrders: VoidOrders;
  createPayment: CreatePayment;
  inbox: Pick<WebhookInbox, "receive" | "parked">;
};

/** Implements PaymentService, but for the RPCs of refunds and disputes. */
export function paymentService(
  options: PaymentServiceOptions,
): Omit<ServiceImpl<typeof PaymentService>, keyof RefundRpcs | keyof DisputeRpcs> {
  const { pool, meters, chargeOrders, voidOrders, createPayment, inbox } = options;
  return {
    async batchCharge({ items }) {
      refuseNamedTwice(
        "items",
        items.map(({ orderId }) => orderId),
      );
      const outcomes = await chargeOrders(items.map(intentOf));
      meters.charged(outcomes);
      return create(BatchChargeResponseSchema, {
        outcomes: outcomes.map((outcome, index) => outcomeMessage(items[index]?.orderId ?? "", outcome)),
      });
    },
    async batchVoid({ items }) {
      refuseNamedTwice(
        "items",
        items.map(({ orderId }) => orderId),
      );
      const outcomes = await voidOrders(items);
      meters.voided(outcomes);
      return create(BatchVoidResponseSchema, {
        outcomes: outcomes.map((outcome, index) => voidedMessage(items[index]?.orderId ?? "", outcome)),
      });
    },
    async charge(request) {
      const intent = intentOf(request);
      for (const outcome of await chargeOrders([intent])) {
        refuse(intent, outcome);
      }
      const attempts = await findByOrders(pool, [intent.orderId]);
      const payment = attempts.find(({ attempt }) => attempt === intent.attempt);
      return create(ChargeResponseSchema, payment === undefined ? {} : { payment: paymentMessage(payment) });
    },
    async createPayment(request) {
      const { customerId, amount, paymentMethod, reference, requestId } = request;
      checkCurrency("amount.currency_code", amount?.currencyCode ?? "");
      const fingerprint = fingerprintOf(CreatePaymentRequestSchema, request, { without: ["request_id"] });
      const charge = { customerId, paymentMethod, ...amountOf(amount) };
      const payment = await createPayment({ charge, reference, requestId, fingerprint, actor: currentActor() });
      if (payment.state === "DECLINED") {
        throw declined(payment.id, payment.declineReason);
      }
      return create(CreatePaymentResponseSchema, { payment: paymentMessage(payment) });
    },
    async getPayment({ id, customerId }) {
      return create(GetPaymentResponseSchema, { payment: paymentMessage(await get(pool, id, customerId)) });
    },
    async listPayments({ orderId, customerId, ...request }) {
      const list = `payments of ${orderId} ${customerId}`;
      const beforeId = decodeIdToken(request.pageToken, list, uuidPattern) || lastUuid;
      const limit = pageSize(request.pageSize);
      const payments = await listPayments(pool, { orderId, customerId, beforeId, limit });
      return create(ListPaymentsResponseSchema, {
        payments: payments.map(paymentMessage),
        nextPageToken: nextIdToken(payments, limit, list),
      });
    },
    async receiveWebhook(request) {
      await inbox.receive(request);
      return create(ReceiveWebhookResponseSchema);
    },
    async listParkedWebhooks(request) {
      return create(ListParkedWebhooksResponseSchema, await inbox.parked.list(request));
    },
    async retryParkedWebhook({ id }) {
      return create(RetryParkedWebhookResponseSchema, { webhook: await inbox.parked.retry(id) });
    },
    async dismissParkedWebhook({ id, reason }) {
      return create(DismissParkedWebhookResponseSchema, { webhook: await inbox.parked.dismiss(id, reason) });
    },
  };
}

type ChargeMessage = Pick<Intent, "orderId" | "attempt" | "customerId" | "paymentMethod"> & {
  amount?: Money | undefined;
};

function intentOf({ orderId, attempt, customerId, paymentMethod, amount }: ChargeMessage): Intent {
  return { orderId, attempt, customerId, paymentMethod, ...amountOf(amount) };
}

/** Reads an amount; the contract requires one in each message that has it. */
function amountOf(amount: Money | undefined): { currency: string; amountMinor: bigint } {
  return { currency: amount?.currencyCode ?? "", amountMinor: amount?.minorUnits ?? 0n };
}

async function get(pool: Pool, id: string, customerId: string): Promise<Payment> {
  const payment = uuidPattern.test(id) ? (await findPayments(pool, [id])).get(id) : undefined;
  if (payment === undefined || (customerId !== "" && payment.charge?.customerId !== customerId)) {
    throw new DomainError(reasons, "PAYMENT_NOT_FOUND", `there is no payment ${id}`, { payment_id: id });
  }
  return payment;
}

/** Throws the error of an intent that was refused. In a batch it is an outcome. */
function refuse({ orderId, attempt }: Intent, outcome: Outcome): void {
  const metadata = { order_id: orderId, attempt: `${attempt}` };
  switch (outcome.kind) {
    case "captured":
    case "waits":
      return;
    case "declined":
      throw declined(outcome.paymentId, outcome.reason);
    case "voided": {
      const message = `attempt ${attempt} for order ${orderId} was voided before`;
      throw new DomainError(reasons, "PAYMENT_VOIDED", message, metadata);
    }
    case "differs": {
      const message = `attempt ${attempt} for order ${orderId} was asked for with other content`;
      throw new DomainError(reasons, "PAYMENT_DIFFERS", message, metadata);
    }
    case "exists": {
      const message = `order ${orderId} has another attempt that is pending or captured`;
      throw new DomainError(reasons, "PAYMENT_EXISTS", message, metadata);
    }
    default:
      outcome satisfies never;
  }
}

function declined(paymentId: string, reason: string): DomainError {
  const metadata = { payment_id: paymentId, decline_reason: reason };
  return new DomainError(reasons, "PAYMENT_DECLINED", `payment ${paymentId} was declined: ${reason}`, metadata);
}
