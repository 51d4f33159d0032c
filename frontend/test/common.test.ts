import assert from "node:assert/strict";
import { test } from "node:test";
import { cameFrom } from "../src/common/came_from.ts";
import { ServerClock } from "../src/common/clock.ts";
import { away, countdown, day, money } from "../src/common/format.ts";
import { timeOrderedId } from "../src/common/ids.ts";
import { fill, speaker } from "../src/common/words.ts";
import { isDue } from "../src/room/moment.ts";

test("money as the server writes it: no decimals when there are none to show, none at all for yen", () => {
  assert.equal(money(12_900, "CNY", "zh-CN"), "¥129");
  assert.equal(money(12_950, "EUR", "en"), "€129.50");
  assert.equal(money(1_200, "JPY", "en"), "¥1,200");
});

test("money by ISO 4217, where the browser's own table has fewer decimals", () => {
  assert.equal(money(120_050, "RSD", "en"), "RSD\u00a01,200.50");
  assert.equal(money(1_290, "IQD", "en"), "IQD\u00a01.290");
  assert.equal(money(120_000, "MGA", "en"), "MGA\u00a01,200");
});

test("a day stays that day in every zone", () => {
  assert.equal(day("2026-12-03", "en-GB"), "3 Dec");
  assert.equal(day("2026-12-03", "zh-CN"), "12月3日");
});

test("countdown", () => {
  assert.deepEqual([0, 5, 65, 3_661].map(countdown), ["0:00", "0:05", "1:05", "1:01:01"]);
  assert.equal(countdown(-3), "0:00");
});

test("words: placeholders are filled, unknown keys show themselves", () => {
  assert.equal(fill("%(n)s left of %(all)s", { n: 3 }), "3 left of %(all)s");
  assert.equal(speaker({ left: "%(n)s left" })("left", { n: 2 }), "2 left");
  assert.equal(speaker({})("left"), "left");
});

test("the server's clock: the quickest message is nearest to the truth", () => {
  const clock = new ServerClock();
  clock.heard(10_000, 4_000);
  clock.heard(10_500, 5_000);
  assert.equal(clock.now(6_000), 12_000);
  assert.equal(clock.secondsUntil(12_400, 6_000), 1);
  assert.equal(clock.secondsUntil(11_000, 6_000), 0);
});

test("a card waits for its picture, five seconds at most", () => {
  const featured = { offer_id: 3, at: 50_000 };
  assert.equal(isDue(featured, 1_000, 49_999, 5_999), false);
  assert.equal(isDue(featured, 1_000, 50_000, 1_001), true);
  assert.equal(isDue(featured, 1_000, 40_000, 6_000), true);
  assert.equal(isDue(featured, 1_000, null, 1_001), true);
});

test("ids follow time, and say so", () => {
  const early = timeOrderedId(0x0123456789ab);
  const late = timeOrderedId(0x0123456789ac);
  assert.match(early, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(early < late);
  assert.notEqual(timeOrderedId(1), timeOrderedId(1));
});

test("how long it is, in the largest unit of which there are two", () => {
  assert.equal(away(45 * 60, "en"), "in 45 minutes");
  assert.equal(away(119 * 60, "en"), "in 119 minutes");
  assert.equal(away(2 * 3600, "en"), "in 2 hours");
  assert.equal(away(26 * 3600 + 420, "en"), "in 26 hours");
  assert.equal(away(72 * 3600, "en"), "in 3 days");
  assert.equal(away(3 * 86_400, "zh-CN"), "3天后");
});

test("a link says which platform it stood on", () => {
  assert.equal(cameFrom("#from=youtube-2"), "youtube-2");
  for (const hash of ["", "#offers", "#from=", "#from=You Tube", "#from=a&b", `#from=${"a".repeat(33)}`])
    assert.equal(cameFrom(hash), undefined, hash);
});
