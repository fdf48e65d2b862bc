declare module "virtual:theme.css" {}

declare module "virtual:currency-decimals" {
  /** The decimals of each current currency that does not have two. */
  const exceptions: Readonly<Record<string, number>>;
  export default exceptions;
}
