import assert from "node:assert/strict";
import { test } from "node:test";
import { Acts } from "../src/studio/acts.ts";

function numbered(): Acts {
  let count = 0;
  return new Acts(() => `k${++count}`);
}

const send = (acts: Acts, action: string, fields: string): URLSearchParams => {
  const body = new URLSearchParams(fields);
  acts.name(action, body);
  return body;
};

test("an act without an answer keeps its key, whatever the page carries by then", () => {
  const acts = numbered();
  assert.equal(send(acts, "/price", "price=5&form_key=a").toString(), "price=5&form_key=k1");
  assert.equal(send(acts, "/price", "price=5&form_key=b").get("form_key"), "k1");
});

test("after an answer, with other content or elsewhere it is another act", () => {
  const acts = numbered();
  const first = send(acts, "/price", "price=5");
  assert.equal(send(acts, "/price", "price=6").get("form_key"), "k2");
  assert.equal(send(acts, "/feature", "price=5").get("form_key"), "k3");
  acts.answered("/price", first);
  assert.equal(send(acts, "/price", "price=5").get("form_key"), "k4");
});
