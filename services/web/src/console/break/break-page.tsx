import { Alert, Button, Group, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { failureOf } from "../../rpc/failure.ts";
import { newRequestId } from "../../rpc/request-id.ts";
import { useSiteConfig } from "../../use-site-config.tsx";
import { LastAudit } from "../audits/last-audit.tsx";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { LaptopControls } from "../laptop/laptop-controls.tsx";
import { type Column, Heading, Rows } from "../list.tsx";
import { To } from "../to.tsx";
import { type Fault, faults, runSome } from "./faults.ts";

const customerId = "console-test";
const mostOrders = 200;

type Outcome = { readonly fault: string; readonly orderIds: readonly string[]; readonly failures: readonly string[] };

/** Places orders that meet a fault of the simulated providers, to see what the saga makes of it. */
export function BreakPage() {
  const { simulatedProviders, launcher } = useSiteConfig();
  const isOperator = useIsOperator();
  const call = useCall();
  const queries = useQueryClient();
  const [productId, setProductId] = useState("");
  const [number, setNumber] = useState<string | number>(1);
  const [busy, setBusy] = useState("");
  const [outcome, setOutcome] = useState<Outcome>();
  if (!simulatedProviders || !isOperator) {
    return (
      <Stack>
        <Heading title="Break it" />
        <Text>Only operators can do this, and only where the card provider and the carrier are simulated.</Text>
      </Stack>
    );
  }
  const place = async (fault: Fault) => {
    setBusy(fault.name);
    const results = await runSome(Math.min(mostOrders, Math.max(1, Number(number))), {
      atOnce: 10,
      run: () =>
        call(OrderService.method.checkout, {
          customerId,
          lines: [{ productId: productId.trim(), quantity: 1 }],
          paymentMethod: fault.paymentMethod,
          requestId: newRequestId(),
          waitFor: WaitFor.ACCEPTED,
          ...(fault.postalCode === undefined ? {} : { shippingAddress: addressIn(fault.postalCode) }),
        }),
    });
    setOutcome({
      fault: fault.name,
      orderIds: results.flatMap((result) => (result.status === "fulfilled" ? [result.value.order?.id ?? ""] : [])),
      failures: results.flatMap((result) => (result.status === "rejected" ? [failureOf(result.reason).message] : [])),
    });
    setBusy("");
    await queries.invalidateQueries();
  };
  const columns: readonly Column<Fault>[] = [
    { head: "Fault", cell: ({ name }) => name },
    { head: "What happens", cell: ({ does }) => <span className={classes.wrap}>{does}</span> },
    { head: "Payment method", cell: ({ paymentMethod }) => paymentMethod },
    { head: "Postal code", cell: ({ postalCode }) => postalCode ?? "none, picked up" },
    {
      head: "Place",
      cell: (fault) => (
        <Button
          size="xs"
          variant="default"
          loading={busy === fault.name}
          disabled={productId.trim() === "" || busy !== ""}
          onClick={() => void place(fault)}
          aria-label={`Place orders: ${fault.name}`}
        >
          Place
        </Button>
      ),
    },
  ];
  return (
    <Stack>
      <Heading title="Break it" />
      <Text size="sm">
        Places orders for a customer of its own, {customerId}, whose payment or shipment goes wrong in a given way.
        Watch them under way on the page Now, then look at an order's timeline.
      </Text>
      <Group align="flex-end">
        <TextInput
          label="Product id"
          size="xs"
          maxLength={63}
          value={productId}
          onChange={({ currentTarget }) => setProductId(currentTarget.value)}
        />
        <NumberInput label="Orders" size="xs" min={1} max={mostOrders} value={number} onChange={setNumber} />
      </Group>
      {outcome !== undefined && (
        <Alert
          variant="outline"
          color={outcome.failures.length === 0 ? "green" : "red"}
          title={`${outcome.fault}: ${outcome.orderIds.length} placed`}
        >
          {[...new Set(outcome.failures)].map((failure) => (
            <Text key={failure} size="sm">
              {failure}
            </Text>
          ))}
          <Group gap="xs">
            {outcome.orderIds.slice(0, 5).map((id) => (
              <To key={id} parts={["orders", id]}>
                {id}
              </To>
            ))}
            <To parts={["orders"]} search={{ customer: customerId }}>
              all orders of {customerId}
            </To>
          </Group>
        </Alert>
      )}
      <Rows label="Faults" rows={faults} keyOf={({ name }) => name} columns={columns} />
      {launcher === true && <LaptopControls />}
      <LastAudit />
    </Stack>
  );
}

function addressIn(postalCode: string) {
  return { recipient: "Test", line1: "1 Main Street", city: "Springfield", postalCode, countryCode: "US" };
}
