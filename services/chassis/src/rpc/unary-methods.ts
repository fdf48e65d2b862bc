import type { DescMethodUnary } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImplSpec,
} from "@connectrpc/connect";

export type UnaryMethod = {
  readonly method: DescMethodUnary;
  readonly impl: Extract<MethodImplSpec, { kind: "unary" }>["impl"];
};

/** By the path of their requests: `/sagacart.order.v1.OrderService/GetOrder`. */
export type UnaryMethods = Map<string, UnaryMethod>;

/**
 * A router that also remembers the unary methods that pass through it. One with options of its own (limits,
 * interceptors) is left to the router alone.
 */
export function recordUnary(router: ConnectRouter, methods: UnaryMethods): ConnectRouter {
  const record = (spec: MethodImplSpec) => {
    if (spec.kind === "unary") {
      methods.set(`/${spec.method.parent.typeName}/${spec.method.name}`, spec);
    }
  };
  const recorder: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      if (options === undefined) {
        Object.values(createServiceImplSpec(service, implementation).methods).forEach(record);
      }
      router.service(service, implementation, options);
      return recorder;
    },
    rpc(method, implementation, options) {
      if (options === undefined) {
        record(createMethodImplSpec(method, implementation));
      }
      router.rpc(method, implementation, options);
      return recorder;
    },
  };
  return recorder;
}
