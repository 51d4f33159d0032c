// The journal of a till, and how it is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, sha256 } from "../src/till/canonical.ts";
import { type Counters, Journal, type Shelf } from "../src/till/journal.ts";
import { type Fact, type FactOf, NO_HASH, type SaleBody } from "../src/till/protocol.ts";
import { NoAnswer, type Server } from "../src/till/server.ts";
import { Sync } from "../src/till/sync.ts";
import { drop, snapshot } from "./till.ts";

/** A disk that can be pulled out at any write. */
class Memory implements Shelf {
  readonly kept = new Map<number, Fact>();
  told: Counters | undefined;
  broken = false;
  async facts() {
    return [...this.kept.values()];
  }
  async append(_: string, fact: Fact, counters: Counters) {
    if (this.broken) throw new Error("no power");
    if (this.kept.has(fact.sequence)) throw new DOMException("taken", "ConstraintError");
    this.kept.set(fact.sequence, fact);
    this.told = counters;
  }
  async counters() {
    return this.told;
  }
  async keepCounters(_: string, counters: Counters) {
    this.told = counters;
  }
  async drop(_: string, sequences: readonly number[]) {
    for (const each of sequences) this.kept.delete(each);
  }
}

const open = async (shelf: Memory) => {
  const journal = new Journal(shelf, "d");
  await journal.open();
  return journal;
};
const about = { assistant: 5, shift: "s" };

test("canonical JSON sorts keys by character at every depth and leaves characters as they are", () => {
  assert.equal(
    canonical({ b: [{ z: 1, a: "茶" }], a: null, "": 'x"\\\n' }),
    '{"":"x\\"\\\\\\n","a":null,"b":[{"a":"茶","z":1}]}',
  );
  assert.equal(canonical({ "\u{1F375}": 1, "\uffee": 2 }), '{"\uffee":2,"\u{1F375}":1}');
});

test("facts are a chain without gaps, also when many are written at once and a disk fails between", async () => {
  const shelf = new Memory();
  const journal = await open(shelf);
  await Promise.all([1, 2, 3].map((amount) => journal.append("cash.in", drop(amount), about)));
  shelf.broken = true;
  await assert.rejects(journal.append("cash.in", drop(4), about), /no power/);
  shelf.broken = false;
  await journal.append("cash.out", drop(5), about);
  const again = await open(shelf);
  assert.deepEqual(
    again.facts.map((fact) => fact.sequence),
    [1, 2, 3, 4],
  );
  let previous = NO_HASH;
  for (const { hash, ...bare } of again.facts) {
    assert.equal(bare.previous, previous);
    assert.equal(await sha256(canonical(bare)), hash);
    previous = hash;
  }
  assert.equal(again.counters.hash, previous);
});

test("a number is given out once, and a second tab can't write over the first", async () => {
  const shelf = new Memory();
  const [one, other] = [await open(shelf), await open(shelf)];
  const body = { ...({} as SaleBody), number: null };
  const first = await one.append("sale", body, { ...about, numbered: true });
  assert.equal((first as FactOf<"sale">).body.number, 1);
  await assert.rejects(other.append("sale", body, { ...about, numbered: true }), { name: "ConstraintError" });
  await other.reread();
  const second = await other.append("sale", body, { ...about, numbered: true });
  assert.equal((second as FactOf<"sale">).body.number, 2);
});

test("a device whose storage was cleared goes on from what the server has", async () => {
  const journal = await open(new Memory());
  await journal.reconcile(
    { ...snapshot.device, next_sequence: 42, next_number: 31, last_hash: "a".repeat(64) },
    true,
  );
  const fact = await journal.append("sale", {} as SaleBody, { ...about, numbered: true });
  assert.deepEqual(
    [fact.sequence, (fact as FactOf<"sale">).body.number, fact.previous],
    [42, 31, "a".repeat(64)],
  );
  assert.equal(journal.unsent.length, 1);
});

test("what the server has goes from the device but for the open shift and the last sales", async () => {
  const shelf = new Memory();
  const journal = await open(shelf);
  await journal.append("cash.in", drop(1), { assistant: 5, shift: "old" });
  await journal.append("sale", {} as SaleBody, { assistant: 5, shift: "old", numbered: true });
  await journal.append("cash.in", drop(2), about);
  await journal.taken(3, "s");
  assert.deepEqual([...shelf.kept.keys()], [2, 3]);
  assert.equal(journal.unsent.length, 0);
  // A server that was put back from a backup is sent again what is still here.
  await journal.reconcile({ ...snapshot.device, next_sequence: 2 }, true);
  assert.deepEqual(
    journal.unsent.map((fact) => fact.sequence),
    [2, 3],
  );
});

test("everything is sent once the network is back, however often it is cut", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const shelf = new Memory();
  const journal = await open(shelf);
  for (let amount = 1; amount <= 450; amount++) await journal.append("cash.in", drop(amount), about);
  const had = new Map<number, string>();
  let calls = 0;
  const server = {
    send: async (facts: readonly Fact[]) => {
      calls += 1;
      if (calls % 3 === 1) throw new NoAnswer(0);
      // The answer to every third is lost after the server has taken the facts.
      for (const fact of facts) {
        assert.ok(!had.has(fact.sequence) || had.get(fact.sequence) === fact.hash);
        had.set(fact.sequence, fact.hash);
      }
      if (calls % 3 === 2) throw new NoAnswer(0);
      return {
        taken_to: Math.max(...had.keys()),
        server_time: "2026-11-30T12:00:00.000Z",
        tasks: [],
        snapshot_changed: false,
      };
    },
    snapshot: async () => null,
  };
  const seen: boolean[] = [];
  let shown = 450;
  const sync = new Sync(server as unknown as Server, {
    journal: () => journal,
    shift: () => "s",
    tag: () => null,
    connected: (is) => {
      seen.push(is);
      shown = journal.unsent.length;
    },
    took: () => {},
    fetched: async () => {},
    refused: () => assert.fail("refused"),
  });
  sync.kick();
  for (let turn = 0; turn < 40 && journal.unsent.length > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(90_000);
  }
  sync.stop();
  assert.equal(journal.unsent.length, 0);
  assert.equal(had.size, 450);
  assert.equal(shown, 0, "what the page shows last is that nothing waits");
  assert.deepEqual([seen.includes(false), seen.at(-1)], [true, true]);
});
