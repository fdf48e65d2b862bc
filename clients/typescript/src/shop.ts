import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  IdentityService,
  type SignInRequestSchema,
  type SignInResponse,
  type VerifySecondFactorRequestSchema,
  type VerifySecondFactorResponse,
} from "../../../proto/gen/sagacart/identity/v1/identity_service_pb.ts";
import type { Session } from "../../../proto/gen/sagacart/identity/v1/session_pb.ts";
import { InboxService } from "../../../proto/gen/sagacart/notifier/v1/inbox_service_pb.ts";
import { PreferenceService } from "../../../proto/gen/sagacart/notifier/v1/preference_service_pb.ts";
import { CartService } from "../../../proto/gen/sagacart/order/v1/cart_service_pb.ts";
import { GuestCartService } from "../../../proto/gen/sagacart/order/v1/guest_cart_service_pb.ts";
import { GuestOrderService } from "../../../proto/gen/sagacart/order/v1/guest_order_service_pb.ts";
import { OrderService } from "../../../proto/gen/sagacart/order/v1/order_service_pb.ts";
import { AccountService } from "../../../proto/gen/sagacart/payment/v1/account_service_pb.ts";
import { ProductService } from "../../../proto/gen/sagacart/stock/v1/product_service_pb.ts";
import { type Attempts, createAttempts, type KeyStorage } from "./attempts.ts";
import { type RetryOptions, withRetries } from "./retry.ts";
import { keepSession, type Tokens, withTokens } from "./session.ts";
import { type OrderUpdate, type WatchOptions, watch } from "./watch.ts";

export type ShopOptions = {
  readonly retries?: RetryOptions;
  /** A session from an earlier run. */
  readonly session?: Session | undefined;
  /** Called with each new session, and with undefined at its end: to keep it, and to ask for a new sign-in. */
  readonly onSession?: (session?: Session) => void;
  /** Tokens from elsewhere, for example of OpenID Connect, in place of `signIn`. */
  readonly tokens?: Tokens;
  /** Where the keys of attempts are kept, for example `localStorage`. Default: in memory. */
  readonly attemptStorage?: KeyStorage;
};

/** A shop, as a signed-in user or as a guest. Every error of a call is a ShopError. */
export type Shop = {
  readonly products: Client<typeof ProductService>;
  readonly carts: Client<typeof CartService>;
  readonly orders: Client<typeof OrderService>;
  readonly guestCarts: Client<typeof GuestCartService>;
  readonly guestOrders: Client<typeof GuestOrderService>;
  readonly accounts: Client<typeof AccountService>;
  readonly inbox: Client<typeof InboxService>;
  readonly preferences: Client<typeof PreferenceService>;
  readonly identity: Client<typeof IdentityService>;
  /** Makes a client of any other service of the contract. */
  client<S extends DescService>(service: S): Client<S>;
  /** The transport that the clients send through: tokens, keys and retries included. For connect-query and the like. */
  readonly transport: Transport;

  /** Signs in. For a user with a second factor the answer has no session: go on with verifySecondFactor. */
  signIn(credentials: MessageInitShape<typeof SignInRequestSchema>): Promise<SignInResponse>;
  verifySecondFactor(
    answer: MessageInitShape<typeof VerifySecondFactorRequestSchema>,
  ): Promise<VerifySecondFactorResponse>;
  /** Ends the session. */
  signOut(): Promise<void>;
  readonly session: Session | undefined;

  /** Watches an order until it is final, across lost connections. */
  watchOrder(id: string, options?: WatchOptions): AsyncGenerator<OrderUpdate>;
  /** As watchOrder, for a guest's order. */
  watchGuestOrder(id: string, guestToken: string, options?: WatchOptions): AsyncGenerator<OrderUpdate>;

  /** Idempotency keys that outlive a call. */
  readonly attempts: Attempts;
};

/** Makes the client of a shop that this transport leads to. */
export function createShop(bare: Transport, options: ShopOptions = {}): Shop {
  const { retries, session, onSession, attemptStorage } = options;
  const bareIdentity = createClient(IdentityService, bare);
  const keeper = keepSession(async (refreshToken) => (await bareIdentity.refreshToken({ refreshToken })).session, {
    session,
    ...(onSession === undefined ? {} : { onChange: onSession }),
  });
  const transport = withRetries(withTokens(bare, options.tokens ?? keeper), retries);
  const client = <S extends DescService>(service: S) => createClient(service, transport);
  const identity = client(IdentityService);
  const orders = client(OrderService);
  const guestOrders = client(GuestOrderService);
  return {
    products: client(ProductService),
    carts: client(CartService),
    orders,
    guestCarts: client(GuestCartService),
    guestOrders,
    accounts: client(AccountService),
    inbox: client(InboxService),
    preferences: client(PreferenceService),
    identity,
    client,
    transport,
    async signIn(credentials) {
      const answer = await identity.signIn(credentials);
      if (answer.session !== undefined) {
        keeper.set(answer.session);
      }
      return answer;
    },
    async verifySecondFactor(given) {
      const answer = await identity.verifySecondFactor(given);
      keeper.set(answer.session);
      return answer;
    },
    async signOut() {
      const { refreshToken } = keeper.session ?? {};
      keeper.set(undefined);
      if (refreshToken !== undefined) {
        await identity.signOut({ refreshToken });
      }
    },
    get session() {
      return keeper.session;
    },
    watchOrder: (id, options) =>
      watch((afterSequence, signal) => orders.watchOrder({ id, afterSequence }, { signal }), options),
    watchGuestOrder: (id, guestToken, options) =>
      watch(
        (afterSequence, signal) => guestOrders.watchGuestOrder({ id, guestToken, afterSequence }, { signal }),
        options,
      ),
    attempts: createAttempts(attemptStorage),
  };
}
