import { expect, test } from "vitest";
import { edgesOfPolicies, edgesOfTable } from "./edges.ts";
import { type Manifest, ofKind, podsOf, render, variants } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };

/** Programs of the tools image are not parts of the shop. */
const besideTheShop = /^(audit|seed|test) → /;

test.for(["Egress", "Ingress"] as const)(
  "the %s rules of the policies allow exactly the edges of scripts/shop.ts",
  async (side) => {
    const allowed = [...edgesOfPolicies(await render(ci), side)].filter((edge) => !besideTheShop.test(edge));

    expect(allowed.toSorted()).toEqual([...edgesOfTable()].toSorted());
  },
);

test.for(variants)(
  "each pod of $name has a policy for both directions, and no rule is open by mistake",
  async (variant) => {
    const objects = await render(variant);
    const policies = ofKind(objects, "NetworkPolicy");

    const without = podsOf(objects).filter(
      ({ metadata }) => !policies.some((policy) => selects(policy, metadata.labels)),
    );
    const open = policies.flatMap(({ metadata, spec }) =>
      [...(spec.ingress ?? []), ...(spec.egress ?? [])]
        .filter((rule) => ("from" in rule && !rule.from) || ("to" in rule && !rule.to))
        .map((rule) => `${metadata.name} ${JSON.stringify(rule)}`),
    );
    expect(without.map(({ from }) => from)).toEqual([]);
    expect(open).toEqual([]);
  },
);

test.for(variants)("only the gateway of $name accepts calls from anybody", async (variant) => {
  const anybody = ofKind(await render(variant), "NetworkPolicy").filter(({ spec }) =>
    (spec.ingress ?? []).some(({ from = [{}] }: Manifest) => from.some((peer: Manifest) => isAnybody(peer))),
  );

  expect(anybody.map(({ metadata }) => metadata.name).filter((name) => name !== "sagacart-gateway")).toEqual([]);
});

function selects({ spec }: Manifest, labels: Record<string, string> = {}): boolean {
  const wanted = Object.entries<string>(spec.podSelector.matchLabels ?? {});
  return (
    wanted.every(([key, value]) => labels[key] === value) &&
    spec.podSelector.matchExpressions === undefined &&
    ["Ingress", "Egress"].every((type) => spec.policyTypes.includes(type))
  );
}

function isAnybody(peer: Manifest): boolean {
  const { namespaceSelector, podSelector, ipBlock } = peer;
  const none = (selector: Manifest) => selector === undefined || Object.keys(selector).length === 0;
  return ipBlock === undefined && none(podSelector) && (podSelector === undefined || namespaceSelector !== undefined)
    ? none(namespaceSelector)
    : ipBlock?.cidr === "0.0.0.0/0";
}
