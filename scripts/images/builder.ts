/** A program that builds images. */
export type ImageBuilder = {
  /** The value of `--builder` or IMAGE_BUILDER. */
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
  /** Returns the uncompressed size of all layers. */
  sizeMegabytes(name: string): Promise<number>;
  /** The cluster that the builder builds into. Without one, images are loaded into kind or pushed to a registry. */
  readonly cluster?: BuilderCluster;
};

/** A local cluster that comes with an image builder. */
export type BuilderCluster = {
  /** Its option of scripts/e2e-cluster, and its value of E2E_CLUSTER. */
  readonly option: string;
  readonly usage: string;
  /** The installation of Temporal: from its chart, or `small` if the chart is not reachable. */
  readonly temporal: "chart" | "small";
  /** Returns the default folder; undefined if it does not exist. */
  usualFolder(): string | undefined;
  /** Returns the environment with KUBECONFIG and the cluster's programs on the PATH. */
  environment(): NodeJS.ProcessEnv;
  /** Starts the cluster in a folder unless it is running. Returns the environment to use it with. */
  bringUp(folder: string, say: (line: string) => void): Promise<NodeJS.ProcessEnv>;
};
