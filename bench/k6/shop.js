import { check, fail, group, sleep } from "k6";
import http from "k6/http";
import { Counter } from "k6/metrics";

// Users of the Wippy surface who browse, fill a cart, read it, buy it and read it again: fifty concurrently for a
// minute, at the pace of a person. The script restocks the shop before it starts.
//
//     k6 run bench/k6/shop.js
//     k6 run -e BASE_URL=http://localhost:8080 -e USERS=50 -e DURATION=60s -e PAUSES=1 bench/k6/shop.js
//
// PAUSES=0 removes the pauses.

const base = __ENV.BASE_URL || "http://localhost:8080";
const pauses = Number(__ENV.PAUSES || "1");
const skus = ["LAPTOP-001", "KB-002", "MOUSE-003", "MON-004", "HP-005"];
/** More of each product than a run can sell. */
const restock = 1_000_000;

const checkouts = new Counter("checkouts_completed");

export const options = {
  scenarios: {
    shoppers: {
      executor: "constant-vus",
      vus: Number(__ENV.USERS || "50"),
      duration: __ENV.DURATION || "60s",
      gracefulStop: "15s",
    },
  },
  thresholds: {
    // The thresholds of the Wippy shop's own script, and no failed checks.
    http_req_duration: ["p(95)<500"],
    http_req_failed: ["rate<0.05"],
    checks: ["rate==1"],
  },
  summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
};

/** Restocks the five products and returns a name for the run, so that its users are new each time. */
export function setup() {
  const { products } = http.get(`${base}/api/products`).json();
  for (const sku of skus) {
    const product = products.find((each) => each.sku === sku);
    if (product === undefined) {
      fail(`there is no product ${sku}; is this a shop started with npm start?`);
    }
    const id = product.id.replace("app:", "");
    const { status, body } = http.post(`${base}/stock/add/${id}/${restock}`);
    if (status !== 200) {
      fail(`${sku} could not be restocked: ${status} ${body}`);
    }
  }
  return { run: Date.now().toString(36) };
}

export default function ({ run }) {
  const user = `user_${run}_${__VU}_${__ITER}`;
  const cart = `${base}/api/cart/${user}`;
  const json = { headers: { "Content-Type": "application/json" } };
  const name = (what) => ({ tags: { name: what } });

  group("browse products", () => {
    const answer = http.get(`${base}/api/products`);
    check(answer, { "products listed": ({ status }) => status === 200 });
    pause(0.5);
  });

  const wanted = group("add items to cart", () => {
    const some = Array.from({ length: between(1, 3) }, () => ({ sku: anyOf(skus), quantity: between(1, 2) }));
    for (const item of some) {
      const answer = http.post(`${cart}/items`, JSON.stringify(item), { ...json, ...name("add item") });
      check(answer, {
        "item added": ({ status }) => status === 200,
        "the cart has the requested quantity": (added) =>
          added.status === 200 && added.json("item.quantity") === item.quantity,
      });
      pause(0.3);
    }
    return some;
  });

  group("view cart", () => {
    const answer = http.get(cart, name("view cart"));
    check(answer, {
      "cart retrieved": ({ status }) => status === 200,
      "the cart has all added items": (seen) => piecesIn(seen.json("items")) === piecesIn(wanted),
      "the total is exact": (seen) => cents(seen.json("total")) === costOf(seen.json("items")),
    });
    pause(0.5);
  });

  group("checkout", () => {
    const answer = http.post(`${cart}/checkout`, null, { ...json, ...name("checkout") });
    const bought = check(answer, {
      "checkout ok": ({ status }) => status === 200,
      "every item was bought": (paid) => paid.status === 200 && piecesIn(paid.json("order.items")) === piecesIn(wanted),
    });
    if (bought) {
      checkouts.add(1);
    }
    const after = http.get(cart, name("view cart"));
    check(after, { "the cart is gone": (seen) => seen.status === 200 && seen.json("items").length === 0 });
    pause(0.5);
  });

  pause(1);
}

function piecesIn(items) {
  return (items || []).reduce((sum, { quantity }) => sum + quantity, 0);
}

function costOf(items) {
  return (items || []).reduce((sum, { price, quantity }) => sum + cents(price) * quantity, 0);
}

function cents(price) {
  return Math.round(price * 100);
}

function between(low, high) {
  return low + Math.floor(Math.random() * (high - low + 1));
}

function anyOf(list) {
  return list[Math.floor(Math.random() * list.length)];
}

function pause(seconds) {
  if (pauses > 0) {
    sleep(seconds * pauses);
  }
}
