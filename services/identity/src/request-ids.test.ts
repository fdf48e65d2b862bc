import { testRequestIds } from "@sagacart/chassis/testing/request-id-tests";
import { startTestIdentity } from "./testing/identity.ts";

testRequestIds(async () => {
  const service = await startTestIdentity();
  const address = (recipient: string) => ({
    recipient,
    ...{ line1: "12 St James's Square", city: "London", postalCode: "SW1Y 4LB", countryCode: "GB" },
  });
  const username = () => `u${crypto.randomUUID().slice(0, 13)}`;

  return {
    ...service,
    domain: "identity.sagacart",
    cases: {
      async RegisterByForeignRules() {
        const name = username();
        return {
          request: { username: name, email: `${name}@shop.test`, password: "six678", phone: "+491234567" },
          others: {
            username: { username: username() },
            email: { email: `other-${name}@shop.test` },
            password: { password: "six679" },
            phone: { phone: "+491234568" },
          },
        };
      },
      async Register() {
        const name = username();
        const request = { username: name, email: `${name}@shop.test`, password: "correct horse", phone: "+491234567" };
        return {
          request,
          others: {
            username: { username: username() },
            email: { email: `other-${name}@shop.test` },
            password: { password: "another horse" },
            phone: { phone: "+491234568" },
          },
        };
      },
      async ReplaceSigningKeys() {
        return { request: {}, others: {} };
      },
      async CreateAddress() {
        const { id: userId } = await service.register();
        const { id: other } = await service.register();
        return {
          request: { userId, address: address("Ada"), isDefault: true },
          others: {
            userId: { userId: other },
            address: { address: address("Bob") },
            isDefault: { isDefault: false },
          },
          customer: "userId",
        };
      },
    },
  };
});
