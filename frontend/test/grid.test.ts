import assert from "node:assert/strict";
import { test } from "node:test";
import { columnOf, pasted } from "../src/grid/cells.ts";

test("cells of one kind are a column, units by place", () => {
  assert.equal(columnOf("price-12"), "price");
  assert.equal(columnOf("compare-9000000000001"), "compare");
  assert.equal(columnOf("units-12-3"), "units-3");
  assert.equal(columnOf("units-13-3"), columnOf("units-12-3"));
});

test("one value is the field's own, lines and tabs are a piece of a spreadsheet", () => {
  assert.equal(pasted("129.00"), null);
  assert.deepEqual(pasted("129\r\n\r\n 99 \r\n"), [["129"], [""], ["99"]]);
  assert.deepEqual(pasted("129\tA-1\n99\tA-2"), [
    ["129", "A-1"],
    ["99", "A-2"],
  ]);
});
