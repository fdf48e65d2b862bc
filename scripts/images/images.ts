import { deployedNames, partOf } from "../shop.ts";

export type Image = {
  /** The name after `sagacart/`. */
  readonly name: string;
  readonly dockerfile: string;
  readonly buildArguments: readonly string[];
  /** The workspace whose packages the image contains. */
  readonly workspace: string;
};

/** The shop's images. The simulated card provider and carrier run in those of payment and shipping. */
export const images: readonly Image[] = [
  ...deployedNames.map((name) => ({
    name,
    dockerfile: "services/Dockerfile",
    buildArguments: ["--build-arg", `SERVICE=${name}`],
    workspace: partOf(name).folder,
  })),
  { name: "worker", dockerfile: "workflows/Dockerfile", buildArguments: [], workspace: "workflows" },
  { name: "tools", dockerfile: "scripts/Dockerfile", buildArguments: [], workspace: "services/privacy" },
];
