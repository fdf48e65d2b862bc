"""Signs in, buys, and decodes a typed error, with the client that openapi-python-client makes of the OpenAPI document."""

import os
import uuid

from gen.api.identity_service import sign_in
from gen.api.order_service import checkout
from gen.client import AuthenticatedClient, Client
from gen.models import CheckoutBody, CheckoutResponse, LineInput, MoneyInput, Problem, SignInBody, SignInResponse

url = os.environ.get("SHOP_URL", "http://127.0.0.1:8080")
product = os.environ.get("PRODUCT_ID", "product.mouse")

signed_in = sign_in.sync(client=Client(url), body=SignInBody(username="alice", password="alice123"))
assert isinstance(signed_in, SignInResponse), signed_in
shop = AuthenticatedClient(url, token=signed_in.session.access_token, timeout=60)

# The key is the same for each try of a purchase.
body = CheckoutBody(lines=[LineInput(product_id=product, quantity=1)], payment_method="pm_ok")
bought = checkout.sync(client=shop, body=body, idempotency_key=str(uuid.uuid4()))
assert isinstance(bought, CheckoutResponse), bought
print(bought.order.id, bought.order.state.value)

# The price that the customer was shown is not the current one: a typed error.
body.expected_total = MoneyInput(currency_code="USD", minor_units="1")
refused = checkout.sync(client=shop, body=body, idempotency_key=str(uuid.uuid4()))
assert isinstance(refused, Problem), refused
print(refused.reason, refused.status, refused.metadata.to_dict())
