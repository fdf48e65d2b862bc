import { admit, confine } from "@sagacart/chassis/auth/admit";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { toConnectError } from "@sagacart/chassis/errors";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { domain } from "@sagacart/rest/reasons";

/**
 * Refuses a customer who orders for another user, with NOT_YOURS: before anybody looks whether there is such a user, so
 * that the answer does not tell. The order service would refuse the same, but it is asked last.
 */
export function refuseOrdersFor(verifier: Verifier | undefined) {
  return async (userId: string, authorization: string | undefined): Promise<void> => {
    try {
      const token = verifier === undefined ? undefined : bearerToken(authorization);
      if (verifier !== undefined && token !== undefined) {
        const customerId = admit(OrderService.method.checkout, await verifier.verify(token));
        if (customerId !== undefined) {
          confine(OrderService.method.checkout, { customerId: userId }, customerId);
        }
      }
    } catch (error) {
      throw toConnectError(error, domain);
    }
  };
}
