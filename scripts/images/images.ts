export type Image = {
  /** As in sagacart/<name>. */
  readonly name: string;
  readonly dockerfile: string;
  readonly buildArguments: readonly string[];
  /** The workspace whose packages are in it. */
  readonly workspace: string;
  /** Whether it has a target for development. */
  readonly dev: boolean;
};

const services = ["order", "stock", "payment", "shipping", "notifier", "identity", "gateway"];

/** All images of the shop. The card provider's and the carrier's stand-ins are payment's and shipping's. */
export const images: readonly Image[] = [
  ...services.map((name) => ({
    name,
    dockerfile: "services/Dockerfile",
    buildArguments: ["--build-arg", `SERVICE=${name}`],
    workspace: `services/${name}`,
    dev: true,
  })),
  { name: "worker", dockerfile: "workflows/Dockerfile", buildArguments: [], workspace: "workflows", dev: true },
  { name: "tools", dockerfile: "scripts/Dockerfile", buildArguments: [], workspace: "services/chassis", dev: false },
];
