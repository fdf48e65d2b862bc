import { basename } from "node:path";
import { deployedNames, fakeNames, partOf } from "../shop.ts";

export type Image = {
  /** The name after `sagacart/`. */
  readonly name: string;
  readonly dockerfile: string;
  readonly buildArguments: readonly string[];
  /** The workspace whose packages the image contains. */
  readonly workspace: string;
};

/** The shop's images. Only those of the simulated providers have their code. */
export const images: readonly Image[] = [
  ...deployedNames.map((name) => ({
    name,
    dockerfile: "services/Dockerfile",
    buildArguments: ["--build-arg", `SERVICE=${name}`],
    workspace: partOf(name).folder,
  })),
  ...fakeNames.map((name) => ({
    name,
    dockerfile: "services/Dockerfile",
    buildArguments: [
      ...["--build-arg", `SERVICE=${basename(partOf(name).folder)}`],
      ...["--build-arg", `NAME=${name}`, "--build-arg", "FAKES=with"],
    ],
    workspace: partOf(name).folder,
  })),
  { name: "worker", dockerfile: "workflows/Dockerfile", buildArguments: [], workspace: "workflows" },
  { name: "tools", dockerfile: "scripts/Dockerfile", buildArguments: [], workspace: "services/privacy" },
];
