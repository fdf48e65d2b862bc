export type Image = {
  /** As in sagacart/<name>. */
  readonly name: string;
  readonly dockerfile: string;
  readonly buildArguments: readonly string[];
  /** The workspace whose packages are in it. */
  readonly workspace: string;
};

const services = ["order", "stock", "payment", "shipping", "notifier", "identity", "gateway", "surfaces"];

/** All images of the shop. The card provider's and the carrier's stand-ins are payment's and shipping's. */
export const images: readonly Image[] = [
  ...services.map((name) => ({
    name,
    dockerfile: "services/Dockerfile",
    buildArguments: ["--build-arg", `SERVICE=${name}`],
    workspace: `services/${name}`,
  })),
  { name: "worker", dockerfile: "workflows/Dockerfile", buildArguments: [], workspace: "workflows" },
  { name: "tools", dockerfile: "scripts/Dockerfile", buildArguments: [], workspace: "services/chassis" },
];
