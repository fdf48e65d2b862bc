// Signs in, buys, and decodes a typed error, over Connect.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	identityv1 "github.com/sagacart/sagacart/clients/go/gen/sagacart/identity/v1"
	"github.com/sagacart/sagacart/clients/go/gen/sagacart/identity/v1/identityv1connect"
	orderv1 "github.com/sagacart/sagacart/clients/go/gen/sagacart/order/v1"
	"github.com/sagacart/sagacart/clients/go/gen/sagacart/order/v1/orderv1connect"
	typev1 "github.com/sagacart/sagacart/clients/go/gen/sagacart/type/v1"
)

func main() {
	url := cmp.Or(os.Getenv("SHOP_URL"), "http://127.0.0.1:8080")
	product := cmp.Or(os.Getenv("PRODUCT_ID"), "product.mouse")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	identity := identityv1connect.NewIdentityServiceClient(http.DefaultClient, url)
	signedIn, err := identity.SignIn(ctx, connect.NewRequest(&identityv1.SignInRequest{Username: "alice", Password: "alice123"}))
	if err != nil {
		log.Fatal(err)
	}

	orders := orderv1connect.NewOrderServiceClient(http.DefaultClient, url)
	request := connect.NewRequest(&orderv1.CheckoutRequest{
		Lines:         []*orderv1.LineInput{{ProductId: product, Quantity: 1}},
		PaymentMethod: "pm_ok",
		RequestId:     fmt.Sprintf("go-%d", time.Now().UnixNano()), // The same for each try of this purchase.
	})
	request.Header().Set("Authorization", "Bearer "+signedIn.Msg.GetSession().GetAccessToken())
	bought, err := orders.Checkout(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bought.Msg.GetOrder().GetId(), bought.Msg.GetOrder().GetState())

	// The price that the customer was shown is not the current one: a typed error.
	request.Msg.RequestId += "-again"
	request.Msg.ExpectedTotal = &typev1.Money{CurrencyCode: "USD", MinorUnits: 1}
	_, err = orders.Checkout(ctx, request)
	var refused *connect.Error
	if !errors.As(err, &refused) {
		log.Fatal("expected an error, not ", err)
	}
	for _, detail := range refused.Details() {
		if value, err := detail.Value(); err == nil {
			if info, ok := value.(*errdetails.ErrorInfo); ok {
				fmt.Println(info.GetReason(), info.GetDomain(), info.GetMetadata())
			}
		}
	}
}
