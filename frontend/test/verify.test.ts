import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { canonical, missing, verify } from "../src/verify/check.ts";

interface Vector {
  readonly name: string;
  readonly file: string;
  readonly key: string;
  readonly states: readonly string[];
}
const vectors = JSON.parse(
  readFileSync(new URL("../../tests/vectors/statements.json", import.meta.url), "utf8"),
) as Vector[];
const data = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test("the page says of each file what the command says", async () => {
  assert.equal(await missing(), "");
  assert.ok(vectors.length > 15);
  for (const { name, file, key, states } of vectors) {
    const { checks } = await verify(data(file), key);
    assert.deepEqual(
      checks.map((each) => `${each.state}:${each.code}`),
      states,
      name,
    );
  }
});

test("every byte that is changed is found", async () => {
  const { file = "", key = "" } = vectors.find((each) => each.name === "witnessed") ?? {};
  const whole = data(file);
  const holds = async (bytes: Uint8Array<ArrayBuffer>): Promise<boolean> =>
    (await verify(bytes, key)).checks.every((each) => each.state !== "failed");
  assert.ok(await holds(whole));
  for (let place = 0; place < whole.length; place += 1) {
    const changed = whole.slice();
    changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8));
    assert.ok(!(await holds(changed)), `byte ${place}`);
  }
  assert.ok(!(await holds(whole.slice(1))));
  assert.ok(!(await holds(whole.slice(0, -1))));
});

test("names are sorted and numbers written as RFC 8785 says", () => {
  assert.equal(
    canonical({
      "\u20ac": 1,
      "\r": [1e30, 4.5, 2e-3, 1e-27],
      "1": null,
      "\ufb33": "\u000f",
      "\u{1f600}": true,
    }),
    '{"\\r":[1e+30,4.5,0.002,1e-27],"1":null,"€":1,"😀":true,"\ufb33":"\\u000f"}',
  );
});

test("a browser without Ed25519, and a page that is not secure, are told so", async (context) => {
  context.mock.method(crypto.subtle, "importKey", () => Promise.reject(new Error("no such algorithm")));
  assert.equal(await missing(), "no_ed25519");
  context.mock.restoreAll();
  assert.equal(await missing(), "");
});
