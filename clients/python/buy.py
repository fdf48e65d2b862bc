"""Signs in, buys, and decodes a typed error, over gRPC."""

import os
import sys
import uuid
from urllib.parse import urlsplit

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "gen"))
from sagacart.identity.v1.identity_service_pb2 import SignInRequest
from sagacart.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from sagacart.order.v1.cart_pb2 import LineInput
from sagacart.order.v1.order_pb2 import Order
from sagacart.order.v1.order_service_pb2 import CheckoutRequest
from sagacart.order.v1.order_service_pb2_grpc import OrderServiceStub
from sagacart.type.v1.money_pb2 import Money

url = urlsplit(os.environ.get("SHOP_URL", "http://127.0.0.1:8080"))
product = os.environ.get("PRODUCT_ID", "product.mouse")
channel = grpc.insecure_channel(url.netloc)  # grpc.secure_channel for https.

signed_in = IdentityServiceStub(channel).SignIn(SignInRequest(username="alice", password="alice123"), timeout=30)
authorization = [("authorization", f"Bearer {signed_in.session.access_token}")]

orders = OrderServiceStub(channel)
request = CheckoutRequest(lines=[LineInput(product_id=product, quantity=1)], payment_method="pm_ok")
request.request_id = str(uuid.uuid4())  # The same for each try of this purchase.
order = orders.Checkout(request, metadata=authorization, timeout=60).order
print(order.id, Order.State.Name(order.state))

# The price that the customer was shown is not the current one: a typed error.
request.request_id = str(uuid.uuid4())
request.expected_total.CopyFrom(Money(currency_code="USD", minor_units=1))
try:
    orders.Checkout(request, metadata=authorization, timeout=60)
except grpc.RpcError as error:
    info = ErrorInfo()
    for detail in rpc_status.from_call(error).details:
        if detail.Unpack(info):
            print(info.reason, info.domain, dict(info.metadata))
