/** A program that makes images. */
export type ImageBuilder = {
  /** As in `--builder` and IMAGE_BUILDER. */
  readonly name: string;
  /** Returns true if the program works on this machine. */
  isHere(): Promise<boolean>;
  build(image: {
    readonly name: string;
    /** The build context; the root of the clone by default. */
    readonly folder?: string;
    readonly dockerfile: string;
    readonly args?: readonly string[];
  }): Promise<void>;
  has(name: string): Promise<boolean>;
  tag(name: string, other: string): Promise<void>;
  push(name: string): Promise<void>;
  /** The size of all layers, uncompressed. */
  sizeMegabytes(name: string): Promise<number>;
  /** The cluster that the images are built into. Without one they are loaded into kind or pushed to a registry. */
  readonly cluster?: BuilderCluster;
};

/** A local cluster that comes with an image builder. */
export type BuilderCluster = {
  /** The option of scripts/e2e-cluster that chooses it, and its word in E2E_CLUSTER. */
  readonly option: string;
  readonly usage: string;
  /** How Temporal is installed there: `small` where its chart cannot be reached. */
  readonly temporal: "chart" | "small";
  /** The folder used when none is named; undefined where it is not there. */
  usualFolder(): string | undefined;
  /** The environment with KUBECONFIG and a PATH with the cluster's programs. */
  environment(): NodeJS.ProcessEnv;
  /** Starts the cluster in a folder, if it does not run; returns the environment to use it with. */
  bringUp(folder: string, say: (line: string) => void): Promise<NodeJS.ProcessEnv>;
};
