#!/usr/bin/env bash
# Signs in, buys, and shows a typed error, with grpcurl: the gateway describes its methods itself (reflection).
set -euo pipefail

url=${SHOP_URL:-http://127.0.0.1:8080}
product=${PRODUCT_ID:-product.mouse}
call() { "${GRPCURL:-grpcurl}" -plaintext -max-time 60 "$@"; }
host=${url#*://}

token=$(call -d '{"username": "alice", "password": "alice123"}' "$host" sagacart.identity.v1.IdentityService/SignIn |
  sed -n 's/.*"accessToken": "\([^"]*\)".*/\1/p')

checkout() { call -H "authorization: Bearer $token" -d "$1" "$host" sagacart.order.v1.OrderService/Checkout; }
lines='[{"productId": "'$product'", "quantity": 1}]'

# The request id is the same for each try of a purchase.
checkout '{"lines": '"$lines"', "paymentMethod": "pm_ok", "requestId": "grpcurl-'"$(date +%s%N)"'"}' |
  sed -n 's/^ *"\(id\|state\)": "\(.*\)",$/\2/p' | head -n 2

# The price that the customer was shown is not the current one: a typed error.
checkout '{"lines": '"$lines"', "requestId": "grpcurl-'"$(date +%s%N)"'",
  "expectedTotal": {"currencyCode": "USD", "minorUnits": "1"}}' 2>&1 | grep -A 8 '"reason"' || true
