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

/** Keyed by the path of their requests, for example `/sagacart.order.v1.OrderService/GetOrder`. */
export type UnaryMethods = Map<string, UnaryMethod>;

/**
 * Wraps a router so that unary methods are also added to `methods`. Methods with options of their own (limits,
 * interceptors) are left to the router alone.
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
