import { admit, confine } from "@sagacart/chassis/auth/admit";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { toConnectError } from "@sagacart/chassis/errors";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { domain } from "@sagacart/rest/reasons";

/**
 * Refuses customers who order for another user, with NOT_YOURS, before that user is looked up, so that the answer does not
 * tell if the user exists. The order service would refuse it too, but it is called last.
 */
export function refuseOrdersFor(verifier: Verifier | undefined) {
  return async (userId: string, authorization: string | undefined): Promise<void> => {
    try {
      const token = verifier === undefined ? undefined : bearerToken(authorization);
      if (verifier !== undefined && token !== undefined) {
        const customerId = admit(OrderService.method.checkout, await verifier.verify(token), "order");
        if (customerId !== undefined) {
          confine(OrderService.method.checkout, { customerId: userId }, customerId);
        }
      }
    } catch (error) {
      throw toConnectError(error, domain);
    }
  };
}
