import { create, type DescService, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Client,
  Code,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { DomainError, defineReasons, toConnectError } from "@sagacart/chassis/errors";
import { validateInterceptor } from "@sagacart/chassis/rpc/interceptors/validate";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { type Order, Order_State, OrderSchema } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { createMover, type StepContext } from "../activities/move.ts";
import { createOrderCache } from "../activities/order-cache.ts";
import type { Services } from "../clients.ts";
import type { OrderState } from "../sagas/plan.ts";

/** The handlers of the fake services. An RPC without one fails with UNIMPLEMENTED. */
export type Fakes = {
  readonly orders?: Partial<ServiceImpl<typeof OrderService>> | undefined;
  readonly saga?: Partial<ServiceImpl<typeof SagaService>> | undefined;
  readonly stock?: Partial<ServiceImpl<typeof StockService>> | undefined;
  readonly payment?: Partial<ServiceImpl<typeof PaymentService>> | undefined;
  readonly shipping?: Partial<ServiceImpl<typeof ShippingService>> | undefined;
  readonly products?: Partial<ServiceImpl<typeof ProductService>> | undefined;
  readonly accounts?: Partial<ServiceImpl<typeof AccountService>> | undefined;
};

/** One call that a fake service got: for example ["payment.batchVoid", { items: [...] }]. */
export type Call = readonly [rpc: string, request: JsonValue];

export const workflowId = "checkout-1";

/** Clients of fake services. Requests are validated as on the wire; `calls` lists them, in order. */
export function fakeServices(fakes: Fakes): { services: Services; calls: Call[] } {
  const calls: Call[] = [];
  const client = <S extends DescService>(service: S, name: keyof Fakes): Client<S> =>
    fakeClient(service, (fakes[name] ?? {}) as Partial<ServiceImpl<S>>, (rpc, request) =>
      calls.push([`${name}.${rpc}`, request]),
    );
  // Made when first used: a test of one step calls two or three of them.
  const lazy = Object.entries(contracts).map(([name, service]) => {
    let made: object | undefined;
    return [
      name,
      {
        enumerable: true,
        get: () => {
          made ??= client(service as DescService, name as keyof Fakes);
          return made;
        },
      },
    ];
  });
  return { calls, services: Object.defineProperties({}, Object.fromEntries(lazy)) as Services };
}

const contracts = {
  orders: OrderService,
  saga: SagaService,
  stock: StockService,
  payment: PaymentService,
  shipping: ShippingService,
  products: ProductService,
  accounts: AccountService,
} satisfies Record<keyof Services, DescService>;

/** A client of a fake CommandService. */
export function fakeCommands(fake: Partial<ServiceImpl<typeof CommandService>>): {
  commands: Client<typeof CommandService>;
  calls: Call[];
} {
  const calls: Call[] = [];
  return { calls, commands: fakeClient(CommandService, fake, (rpc, request) => calls.push([rpc, request])) };
}

function fakeClient<S extends DescService>(
  service: S,
  fake: Partial<ServiceImpl<S>>,
  called: (rpc: string, request: JsonValue) => void,
): Client<S> {
  const handlers = Object.entries(fake).map(([rpc, handle]) => [
    rpc,
    (request: never, context: never) => {
      called(rpc, toJson(service.method[rpc]!.input, request));
      return (handle as (request: never, context: never) => unknown)(request, context);
    },
  ]);
  const implementation = Object.fromEntries(handlers) as Partial<ServiceImpl<S>>;
  const [, , domain = ""] = service.file.name.split("/").toReversed();
  return createClient(
    service,
    createRouterTransport((router) => router.service(service, implementation), {
      router: { interceptors: [errorsOf(domain), validation] },
    }),
  );
}

/** One for all fakes: a validator compiles each rule when it first meets it. */
const validation = validateInterceptor();

function errorsOf(domain: string): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      throw toConnectError(error, domain);
    }
  };
}

/** An error that a service answers with: a reason of its table, and that reason's code. */
export function refusal(reason: string, code: Code = Code.FailedPrecondition): DomainError {
  return new DomainError(defineReasons({ [reason]: code }), reason, `refused: ${reason}`);
}

/** An order of customer "c" for two of product "p", 10.00 EUR. */
export function anOrder(id: string, state: OrderState, more: OrderInit = {}): Order {
  const usual: OrderInit = {
    id,
    state: Order_State[state],
    customerId: "c",
    total: { currencyCode: "EUR", minorUnits: 1_000n },
    lines: [{ productId: "p", quantity: 2 }],
    payment: { method: "pm_ok", payLater: false },
    workflowId,
  };
  return create(OrderSchema, { ...usual, ...more } as OrderInit);
}

type OrderInit = Omit<MessageInitShape<typeof OrderSchema>, "$typeName">;

/** An order that is paid later: it has this attempt and decline, and expires at `expireMs`. */
export function payLater(
  id: string,
  state: OrderState,
  { attempt = 0, declineReason = "", expireMs = Date.now() + 60_000, cancelled = false } = {},
): Order {
  return anOrder(id, state, {
    payment: { method: "pm_ok", payLater: true, attempt, declineReason },
    expireTime: timestampFromMs(expireMs),
    ...(cancelled ? { cancelRequestTime: timestampFromMs(1_000) } : {}),
  });
}

/**
 * A fake SagaService with these orders. A move ends in the last of its states; `movesTo` overrides that for an order,
 * for example because a cancellation was requested meanwhile. An order that is undone ends as was decided when that began.
 * Final orders are dropped, and so are orders that it does not know: they belong to someone else.
 */
export function fakeSaga(
  orders: readonly Order[],
  movesTo: Readonly<Record<string, OrderState | "UNSPECIFIED">> = {},
): Partial<ServiceImpl<typeof SagaService>> {
  const known = new Map(orders.map((order) => [order.id, { ...order }]));
  const decidedEnds = new Map<string, Order_State>();
  return {
    batchBegin: ({ orderIds }) => ({
      outcomes: orderIds.map((orderId) => {
        const order = known.get(orderId);
        if (order === undefined) {
          return { orderId, outcome: { case: "dropped", value: { workflowId: "another" } } };
        }
        const { workflowId, state, outcomeReason } = order;
        return finalStates.has(state)
          ? { orderId, outcome: { case: "dropped", value: { workflowId, state, outcomeReason } } }
          : { orderId, outcome: { case: "taken", value: { ...order } } };
      }),
    }),
    batchMove: ({ items }) => ({
      outcomes: items.map(({ orderId, states: through, endsAs, outcomeReason }) => {
        const order = known.get(orderId);
        const override = movesTo[orderId];
        const last = through.at(-1) ?? Order_State.UNSPECIFIED;
        const decided = order?.state === Order_State.CANCELLING ? decidedEnds.get(orderId) : undefined;
        const state = override === undefined ? (decided ?? last) : Order_State[override];
        if (state === Order_State.CANCELLING) {
          decidedEnds.set(orderId, endsAs);
        }
        if (order !== undefined) {
          Object.assign(order, { state, outcomeReason: outcomeReason || order.outcomeReason });
        }
        return { orderId, state };
      }),
    }),
    recordDecline: () => ({}),
    recordRefund: () => ({}),
  };
}

const finalStates: ReadonlySet<Order_State> = new Set([
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
]);

/** Creates the context of a step, over fake services. */
export function fakeContext(fakes: Fakes): StepContext & { readonly calls: Call[] } {
  const { services, calls } = fakeServices(fakes);
  const cache = createOrderCache(services.saga);
  return { services, cache, move: createMover(services.saga, cache), calls };
}

/** The moves that the order service was asked for. */
export function movesIn(calls: readonly Call[]): JsonValue[] {
  return calls.flatMap(([rpc, request]) =>
    rpc === "saga.batchMove" && typeof request === "object" && request !== null && "items" in request
      ? (request.items as JsonValue[])
      : [],
  );
}

/** The names of the RPCs that were called, in order. */
export function rpcsIn(calls: readonly Call[]): string[] {
  return calls.map(([rpc]) => rpc);
}
