import type { DescMethod, Message } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { accessRule } from "@sagacart/chassis/auth/access";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { erasureReasons } from "./reasons.ts";

/** The deleted customers that this process knows. */
export type ErasedCustomers = {
  has(customerId: string): boolean;
  /** Resolves once all that were deleted before this process started are known; undefined from then on. */
  readonly loading: Promise<void> | undefined;
};

export type RefusingOptions = {
  /** The methods by which the shop ends what it has with a deleted customer, for example a refund. */
  readonly allowed: readonly DescMethod[];
  /** Returns the customers that a request names by other fields than its own `customer_id`. */
  readonly customersOf?: ((request: Message) => readonly string[]) | undefined;
};

/**
 * Wraps a router so that calls that change something are refused for deleted customers: their own calls, whose access tokens
 * outlive the account, and anyone's calls that would keep something under their id.
 */
export function refusingErased(
  router: ConnectRouter,
  erased: ErasedCustomers,
  options: RefusingOptions,
): ConnectRouter {
  return new Proxy(router, {
    get(target, name, receiver) {
      if (name !== "service") {
        return Reflect.get(target, name, receiver);
      }
      const service: ConnectRouter["service"] = (descriptor, implementation, serviceOptions) => {
        const guarded: Record<string, unknown> = { ...implementation };
        for (const method of descriptor.methods) {
          const handler = guarded[method.localName];
          if (method.methodKind === "unary" && isChange(method) && typeof handler === "function") {
            guarded[method.localName] = async (request: Message, context: HandlerContext) => {
              await erased.loading;
              refuse(method, request, erased, options);
              return await Reflect.apply(handler, implementation, [request, context]);
            };
          }
        }
        // The handlers have the types of those that they wrap.
        target.service(descriptor, guarded as Partial<ServiceImpl<typeof descriptor>>, serviceOptions);
        return receiver;
      };
      return service;
    },
  });
}

function isChange(method: DescMethod): boolean {
  return method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function refuse(
  method: DescMethod,
  request: Message,
  erased: ErasedCustomers,
  { allowed, customersOf }: RefusingOptions,
): void {
  const caller = callContext()?.principal?.customerId;
  const { customerField } = accessRule(method);
  const field: unknown = customerField === undefined ? undefined : Reflect.get(request, customerField.localName);
  const named = allowed.includes(method) ? [] : [field, ...(customersOf?.(request) ?? [])];
  const customerId = [caller, ...named].find((id) => typeof id === "string" && erased.has(id));
  if (typeof customerId === "string") {
    const message = `the account of customer ${customerId} was deleted`;
    throw new DomainError(erasureReasons, "CUSTOMER_ERASED", message, { customer_id: customerId });
  }
}
