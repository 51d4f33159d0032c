// The same vectors as tests/pricing/test_pricing_vectors.py: what the server says, the till says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PriceRefused, type Question } from "../src/pricing/models.ts";
import { options, price } from "../src/pricing/price.ts";
import { ofUnits, refundParts } from "../src/pricing/rationals.ts";

interface Vectors {
  price: { name: string; question: Question; answer?: object; refused?: string }[];
  options: { question: Question; options: object[] }[];
  refund_parts: { paid: number[]; steps: { refunded: number[]; amount: number; parts: number[] }[] }[];
  of_units: { paid: number; quantity: number; of: [number, number][] }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/pricing.json", import.meta.url), "utf8"),
);

function answered(question: Question): unknown {
  try {
    return price(question);
  } catch (problem) {
    if (problem instanceof PriceRefused) return problem.code;
    throw problem;
  }
}

test("every price is the server's", () => {
  assert.ok(vectors.price.length >= 200);
  for (const { name, question, answer, refused } of vectors.price)
    assert.deepEqual(answered(question), answer ?? refused, name);
});

test("the ways of delivery are the server's", () => {
  for (const each of vectors.options) assert.deepEqual(options(each.question), each.options);
});

test("refunds in parts give back exactly what was paid", () => {
  for (const { paid, steps } of vectors.refund_parts)
    for (const step of steps) assert.deepEqual(refundParts(paid, step.refunded, step.amount), step.parts);
});

test("what units cost", () => {
  for (const { paid, quantity, of } of vectors.of_units)
    for (const [units, amount] of of) assert.equal(ofUnits(paid, quantity, units), amount);
});
