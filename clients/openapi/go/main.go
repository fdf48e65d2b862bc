// Signs in, buys, and decodes a typed error, with the client that OpenAPI Generator makes of the shop's OpenAPI document.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	shop "github.com/sagacart/sagacart/clients/openapi/go/gen"
)

func main() {
	configuration := shop.NewConfiguration()
	configuration.Servers = shop.ServerConfigurations{{URL: cmp.Or(os.Getenv("SHOP_URL"), "http://127.0.0.1:8080")}}
	client := shop.NewAPIClient(configuration)
	product := cmp.Or(os.Getenv("PRODUCT_ID"), "product.mouse")

	signIn := client.IdentityServiceAPI.SignIn(context.Background())
	signedIn, _, err := signIn.SignInRequest(*shop.NewSignInRequest("alice", "alice123")).Execute()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), shop.ContextAccessToken, signedIn.Session.AccessToken)

	request := shop.NewCheckoutRequest()
	line := shop.NewLineInput(product)
	line.SetQuantity(1)
	request.Lines = []shop.LineInput{*line}
	request.PaymentMethod = shop.PtrString("pm_ok")
	// The key is the same for each try of a purchase.
	key := fmt.Sprintf("openapi-go-%d", time.Now().UnixNano())
	bought, _, err := client.OrderServiceAPI.Checkout(ctx).IdempotencyKey(key).CheckoutRequest(*request).Execute()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bought.Order.Id, bought.Order.State)

	// The price that the customer was shown is not the current one: a typed error.
	one := "1"
	request.ExpectedTotal = shop.NewMoneyInput("USD", shop.MoneyInputMinorUnits{String: &one})
	_, _, err = client.OrderServiceAPI.Checkout(ctx).IdempotencyKey(key + "-again").CheckoutRequest(*request).Execute()
	var refused *shop.GenericOpenAPIError
	if !errors.As(err, &refused) {
		log.Fatal("expected an error, not ", err)
	}
	if problem, ok := refused.Model().(shop.Problem); ok {
		fmt.Println(problem.Reason, problem.Status, problem.Metadata)
	}
}
