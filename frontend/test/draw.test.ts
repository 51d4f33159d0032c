import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isDraw, verifyDraw } from "../src/verify/draw.ts";

interface Vector {
  readonly name: string;
  readonly file: string;
  readonly states: readonly string[];
}
const vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/draws.json", import.meta.url), "utf8"),
) as Vector[];
const data = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test("the page computes each draw again as the command does", async () => {
  for (const { name, file, states } of vectors) {
    assert.ok(isDraw(data(file)));
    const { checks } = await verifyDraw(data(file));
    assert.deepEqual(
      checks.map((each) => `${each.state}:${each.code}`),
      states,
      name,
    );
  }
});

test("every byte of a draw that is changed is found", async () => {
  const whole = data(vectors[0]?.file ?? "");
  const holds = async (bytes: Uint8Array<ArrayBuffer>): Promise<boolean> =>
    (await verifyDraw(bytes)).checks.every((each) => each.state !== "failed");
  assert.ok(await holds(whole));
  for (let place = 0; place < whole.length; place += 1) {
    const changed = whole.slice();
    changed[place] = (changed[place] ?? 0) ^ (1 << (place % 7));
    assert.ok(!(await holds(changed)), `byte ${place}`);
  }
});
