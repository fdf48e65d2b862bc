import { Alert, Button, Group, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTexts } from "../../i18n/language.tsx";
import { newRequestId } from "../../rpc/request-id.ts";
import { useSiteConfig } from "../../use-site-config.tsx";
import { LastAudit } from "../audits/last-audit.tsx";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { failureLine } from "../failure-sentences.ts";
import { LaptopControls } from "../laptop/laptop-controls.tsx";
import { type Column, Heading, Rows } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { breakTexts } from "./break-texts.ts";
import { type Fault, faults, runSome } from "./faults.ts";

const customerId = "console-test";
const mostOrders = 200;

type Outcome = {
  readonly fault: Fault["key"];
  readonly orderIds: readonly string[];
  readonly failures: readonly unknown[];
};

/** Places orders that meet a fault of the simulated providers, to see what the saga makes of it. */
export function BreakPage() {
  const text = useTexts(breakTexts);
  const { count, language } = useShow();
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
        <Heading title={text.title} />
        <Text>{text.onlyOperators}</Text>
      </Stack>
    );
  }
  const place = async (fault: Fault) => {
    setBusy(fault.key);
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
      fault: fault.key,
      orderIds: results.flatMap((result) => (result.status === "fulfilled" ? [result.value.order?.id ?? ""] : [])),
      failures: results.flatMap((result) => (result.status === "rejected" ? [result.reason] : [])),
    });
    setBusy("");
    await queries.invalidateQueries();
  };
  const columns: readonly Column<Fault>[] = [
    { head: text.fault, cell: ({ key }) => text.faults[key].name },
    { head: text.whatHappens, cell: ({ key }) => <span className={classes.wrap}>{text.faults[key].does}</span> },
    { head: text.paymentMethod, cell: ({ paymentMethod }) => paymentMethod },
    { head: text.postalCode, cell: ({ postalCode }) => postalCode ?? text.pickedUp },
    {
      head: text.place,
      cell: (fault) => (
        <Button
          size="xs"
          variant="default"
          loading={busy === fault.key}
          disabled={productId.trim() === "" || busy !== ""}
          onClick={() => void place(fault)}
          aria-label={text.placeOrders(text.faults[fault.key].name)}
        >
          {text.place}
        </Button>
      ),
    },
  ];
  return (
    <Stack>
      <Heading title={text.title} />
      <Text size="sm">{text.explanation(customerId)}</Text>
      <Group align="flex-end">
        <TextInput
          label={text.productId}
          size="xs"
          maxLength={63}
          value={productId}
          onChange={({ currentTarget }) => setProductId(currentTarget.value)}
        />
        <NumberInput label={text.orders} size="xs" min={1} max={mostOrders} value={number} onChange={setNumber} />
      </Group>
      {outcome !== undefined && (
        <Alert
          variant="outline"
          color={outcome.failures.length === 0 ? "green" : "red"}
          title={text.placed(text.faults[outcome.fault].name, count(outcome.orderIds.length))}
        >
          {[...new Set(outcome.failures.map((error) => failureLine(error, language)))].map((failure) => (
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
              {text.allOrders(customerId)}
            </To>
          </Group>
        </Alert>
      )}
      <Rows label={text.faultsLabel} rows={faults} keyOf={({ key }) => key} columns={columns} />
      {launcher === true && <LaptopControls />}
      <LastAudit />
    </Stack>
  );
}

function addressIn(postalCode: string) {
  return { recipient: "Test", line1: "1 Main Street", city: "Springfield", postalCode, countryCode: "US" };
}
