import com.google.rpc.ErrorInfo;
import dev.sagacart.identity.v1.IdentityServiceGrpc;
import dev.sagacart.identity.v1.SignInRequest;
import dev.sagacart.order.v1.CheckoutRequest;
import dev.sagacart.order.v1.LineInput;
import dev.sagacart.order.v1.OrderServiceGrpc;
import dev.sagacart.type.v1.Money;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.net.URI;
import java.util.UUID;

/** Signs in, buys, and decodes a typed error, over gRPC. */
public class Buy {
  public static void main(String[] arguments) throws Exception {
    var url = URI.create(System.getenv().getOrDefault("SHOP_URL", "http://127.0.0.1:8080"));
    var product = System.getenv().getOrDefault("PRODUCT_ID", "product.mouse");
    var channel = ManagedChannelBuilder.forTarget(url.getAuthority()).usePlaintext().build();

    var signedIn = IdentityServiceGrpc.newBlockingStub(channel)
        .signIn(SignInRequest.newBuilder().setUsername("alice").setPassword("alice123").build());
    var headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + signedIn.getSession().getAccessToken());
    var orders = OrderServiceGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));

    var request = CheckoutRequest.newBuilder()
        .addLines(LineInput.newBuilder().setProductId(product).setQuantity(1))
        .setPaymentMethod("pm_ok")
        .setRequestId(UUID.randomUUID().toString()); // The same for each try of this purchase.
    var order = orders.checkout(request.build()).getOrder();
    System.out.println(order.getId() + " " + order.getState());

    // The price that the customer was shown is not the current one: a typed error.
    request.setRequestId(UUID.randomUUID().toString())
        .setExpectedTotal(Money.newBuilder().setCurrencyCode("USD").setMinorUnits(1));
    try {
      orders.checkout(request.build());
    } catch (StatusRuntimeException error) {
      for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          var info = detail.unpack(ErrorInfo.class);
          System.out.println(info.getReason() + " " + info.getDomain() + " " + info.getMetadataMap());
        }
      }
    }
    channel.shutdownNow();
  }
}
