import dev.sagacart.shop.ApiClient;
import dev.sagacart.shop.ApiException;
import dev.sagacart.shop.api.IdentityServiceApi;
import dev.sagacart.shop.api.OrderServiceApi;
import dev.sagacart.shop.model.CheckoutRequest;
import dev.sagacart.shop.model.LineInput;
import dev.sagacart.shop.model.MoneyInput;
import dev.sagacart.shop.model.MoneyInputMinorUnits;
import dev.sagacart.shop.model.Problem;
import dev.sagacart.shop.model.SignInRequest;
import java.util.UUID;

/** Signs in, buys, and decodes a typed error, with the client that OpenAPI Generator makes of the shop's OpenAPI document. */
public class Buy {
  public static void main(String[] arguments) throws Exception {
    var client = new ApiClient();
    client.updateBaseUri(System.getenv().getOrDefault("SHOP_URL", "http://127.0.0.1:8080"));
    var product = System.getenv().getOrDefault("PRODUCT_ID", "product.mouse");

    var signedIn = new IdentityServiceApi(client).signIn(new SignInRequest().username("alice").password("alice123"));
    var authorization = "Bearer " + signedIn.getSession().getAccessToken();
    client.setRequestInterceptor(request -> request.header("authorization", authorization));
    var orders = new OrderServiceApi(client);

    var request = new CheckoutRequest().addLinesItem(new LineInput().productId(product).quantity(1)).paymentMethod("pm_ok");
    // The key is the same for each try of a purchase.
    var order = orders.checkout(UUID.randomUUID().toString(), request).getOrder();
    System.out.println(order.getId() + " " + order.getState());

    // The price that the customer was shown is not the current one: a typed error.
    request.expectedTotal(new MoneyInput().currencyCode("USD").minorUnits(new MoneyInputMinorUnits("1")));
    try {
      orders.checkout(UUID.randomUUID().toString(), request);
    } catch (ApiException error) {
      var problem = ApiClient.createDefaultObjectMapper().readValue(error.getResponseBody(), Problem.class);
      System.out.println(problem.getReason() + " " + problem.getStatus() + " " + problem.getMetadata());
    }
  }
}
