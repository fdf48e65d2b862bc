/** A session as its user sees it: of a sign-in, or of an application. */
export type SeenSession = {
  readonly id: string;
  readonly clientId: string;
  readonly userAgent: string;
  readonly network: string;
  readonly createTime: Date;
  readonly lastUseTime: Date;
  readonly expireTime: Date;
};
