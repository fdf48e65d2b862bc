#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { ShopError } from "../errors.ts";
import { connectShop } from "../node.ts";
import { createListener } from "./listen.ts";

const usage = `Forwards the events of a shop's orders to a program on this machine, as the shop's webhooks do.

Usage: npm run listen -- --forward-to URL [options]      (with the package: npx sagacart-listen --forward-to URL)

  --forward-to URL   where to send each event, for example http://localhost:3000/hook
  --url URL          the shop's gateway; default: SHOP_URL, or http://127.0.0.1:8080
  --username NAME    an operator or somebody of support; default: SHOP_USERNAME, or the laptop's operator
  --secret SECRET    the secret to sign with, whsec_ and base64; default: a new one, which is printed
  --types PATTERNS   only these types, for example sagacart.order.*,sagacart.order.paid.v1; default: all
  --after POSITION   start after this position of the feed; 0 for all events; default: its end
  --replay ID        send the event with this id again, and exit
  --help             this text

The password is in SHOP_PASSWORD. While it runs, type an event's id and Enter to send that event again. The feed needs no
endpoint in the shop and no address that the shop can reach. The requests are signed as in Standard Webhooks.
`;

const print = (line: string) => process.stdout.write(`${line}\n`);

/** Ends the program with a sentence about what is wrong. */
function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

const options = {
  "forward-to": { type: "string" },
  url: { type: "string", default: process.env.SHOP_URL ?? "http://127.0.0.1:8080" },
  username: { type: "string", default: process.env.SHOP_USERNAME ?? "admin" },
  secret: { type: "string", default: `whsec_${randomBytes(32).toString("base64")}` },
  types: { type: "string", default: "*" },
  after: { type: "string" },
  replay: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

function read() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}. See --help.`);
  }
}

const values = read();
if (values.help) {
  process.stdout.write(usage);
  process.exit();
}
const forwardTo = values["forward-to"] ?? fail("--forward-to is missing: where should events go? See --help.");
if (!URL.canParse(forwardTo) || !/^https?:$/.test(new URL(forwardTo).protocol)) {
  fail(`--forward-to must be an http or https URL, not ${forwardTo}`);
}
if (!URL.canParse(values.url)) {
  fail(`--url must be a URL, not ${values.url}`);
}
if (values.after !== undefined && !/^\d{1,18}$/.test(values.after)) {
  fail(`--after must be a position, which is a whole number, not ${values.after}`);
}
if (!/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(values.secret)) {
  fail("--secret must be whsec_ and at least 24 bytes in base64");
}

const shop = connectShop({ baseUrl: values.url });
const listener = createListener(shop, {
  forwardTo,
  secret: values.secret,
  types: values.types.split(","),
  after: values.after === undefined ? undefined : BigInt(values.after),
  print,
});
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stopping.abort());
}
try {
  const { session } = await shop.signIn({
    username: values.username,
    password: process.env.SHOP_PASSWORD ?? "admin123",
  });
  if (session === undefined) {
    fail(`${values.username} signs in with a second factor, which this program does not ask for`);
  }
  if (values.replay !== undefined) {
    if (!(await listener.replay(values.replay))) fail(`there is no event ${values.replay}`);
  } else {
    print(`forwarding to ${forwardTo}, signed with ${values.secret}`);
    replayWhatIsTyped();
    await listener.run(stopping.signal);
  }
  process.exit();
} catch (error) {
  fail(error instanceof ShopError ? `${error.reason}: ${error.message}` : String(error));
}

function replayWhatIsTyped(): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const id = line.trim();
    if (id === "") return;
    listener.replay(id).then(
      (isFound) => {
        if (!isFound) print(`there is no event ${id}`);
      },
      (error: unknown) => print(`cannot send ${id} again: ${error instanceof Error ? error.message : error}`),
    );
  });
}
