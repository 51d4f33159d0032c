import assert from "node:assert/strict";
import { test } from "node:test";
import { chapterAt, momentAt, type Stretch } from "../src/replay/clock.ts";

// Ten seconds, a hole of one minute, five seconds.
const STRETCHES: readonly Stretch[] = [
  [1_000_000, 0, 10_000],
  [1_070_000, 10_000, 5_000],
];

test("the clock of the video steps over what was not recorded", () => {
  assert.equal(momentAt(STRETCHES, 0), 1_000_000);
  assert.equal(momentAt(STRETCHES, 9_999), 1_009_999);
  assert.equal(momentAt(STRETCHES, 10_000), 1_070_000);
  assert.equal(momentAt(STRETCHES, 99_000), 1_075_000);
  assert.equal(momentAt([], 0), null);
});

test("a chapter is current from its first moment to before its last", () => {
  const chapters = [
    [2_000, 5_000],
    [5_000, 9_000],
  ] as const;
  assert.equal(chapterAt(chapters, 1_999), -1);
  assert.equal(chapterAt(chapters, 2_000), 0);
  assert.equal(chapterAt(chapters, 5_000), 1);
  assert.equal(chapterAt(chapters, 9_000), -1);
});
