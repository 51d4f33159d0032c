import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Read, readMinor, readQuantity } from "../src/common/amounts.ts";

interface Vector {
  readonly text: string;
  readonly currency: string;
  readonly sign?: string;
  readonly least: number;
  readonly minor?: number;
  readonly quantity?: number;
  readonly refused?: string;
  readonly smaller?: string;
  readonly larger?: string;
}
const vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/amounts.json", import.meta.url), "utf8"),
) as Record<"amounts" | "quantities", Vector[]>;

function check(read: Read, vector: Vector): void {
  const value = vector.minor ?? vector.quantity;
  if (value !== undefined) assert.deepEqual(read, { value }, vector.text);
  else if (vector.refused !== "amount.ambiguous")
    assert.deepEqual(read, { refused: vector.refused }, vector.text);
  else if (vector.smaller !== undefined)
    assert.deepEqual(read, { smaller: vector.smaller, larger: vector.larger }, vector.text);
  else assert.ok("smaller" in read, vector.text);
}

test("amounts are read as the server reads them", () => {
  assert.ok(vectors.amounts.length > 100);
  for (const vector of vectors.amounts)
    check(readMinor(vector.text, vector.currency, vector.sign ?? "."), vector);
});

test("quantities are read as the server reads them", () => {
  assert.ok(vectors.quantities.length > 20);
  for (const vector of vectors.quantities)
    check(readQuantity(vector.text, vector.least, vector.sign ?? "."), vector);
});
