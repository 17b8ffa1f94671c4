// A program that uses the generated client as a merchant would. It is compiled and never run: what
// has to hold is that the types which are made from the document are of use.
import { createClient } from "./generated/client";
import { createPayment, readHealth, readPayment } from "./generated";
import type { Payment, PaymentRequest } from "./generated";

const client = createClient({ baseUrl: "http://127.0.0.1:8080", auth: "sk_test_…" });

const request: PaymentRequest = {
  amount: "100.00",
  currency: "INR",
  payment_method: "card",
  card: { number: "4111111111111111", expiry_month: 12, expiry_year: 2030, cvv: "123" },
};

const created = await createPayment({
  client,
  body: request,
  headers: { "Idempotency-Key": "order-456-first-try" },
});
if (created.error && "payment" in created.error) {
  const reason: string | null = created.error.decline_code;
  console.log(`declined: ${reason}`);
}
if (created.data) {
  const read = await readPayment({ client, path: { id: created.data.id } });
  const payment: Payment | undefined = read.data;
  const status: "completed" | "failed" | string | undefined = payment?.status;
  const brand: string | undefined = payment?.card?.brand;
  console.log(status, brand, payment?.amount_minor.toFixed(0));
}
const health = await readHealth({ client });
console.log(health.data?.components.log.status);

// @ts-expect-error: a payment has an amount, and no weight.
const wrong: PaymentRequest = { weight: 7, currency: "INR", payment_method: "card" };
console.log(wrong);
