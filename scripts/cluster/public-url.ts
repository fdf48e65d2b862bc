import { int, readEnv, url } from "@sagacart/chassis/process/config";
import { until } from "../until.ts";
import { checkPublicUrl } from "./public-url-check.ts";

// Checks the certificate of the public URL, and that plain HTTP is refused, for `helm test`. Gets two minutes, because the
// certificate may just have been issued.

const config = readEnv({
  PUBLIC_URL: url({ protocols: ["https:"] }),
  LEAST_DAYS: int({ min: 1, max: 90, default: 14 }),
});
const isRight = async () => {
  const wrong = await checkPublicUrl(config.PUBLIC_URL, { leastDays: config.LEAST_DAYS });
  if (wrong.length > 0) {
    throw new Error(wrong.join("\n"));
  }
  return true;
};
const failure = await until(`${config.PUBLIC_URL} to be right`, isRight, { withinMs: 120_000, everyMs: 5_000 }).then(
  () => undefined,
  (error: Error) => error.message,
);
process.stdout.write(
  failure === undefined ? `${config.PUBLIC_URL} has a certificate that clients trust\n` : `${failure}\n`,
);
process.exit(failure === undefined ? 0 : 1);
