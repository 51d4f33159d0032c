// The append-only journal of a device.  A fact is on the disk before anybody is told that it happened; its sequence and
// its receipt number are given out once, each with the one before in its hash.

import { canonical, sha256 } from "./canonical.ts";
import { type Bodies, type Fact, type Kind, NO_HASH, type Snapshot } from "./protocol.ts";

/** What a device has given out.  `taken` is the last sequence that the server has. */
export interface Counters {
  readonly sequence: number;
  readonly number: number;
  readonly hash: string;
  readonly taken: number;
}

/** Where a journal is kept.  `append` must not answer before the fact is safe, and must fail where it has one of that
 * sequence already. */
export interface Shelf {
  facts(device: string): Promise<Fact[]>;
  append(device: string, fact: Fact, counters: Counters): Promise<void>;
  counters(device: string): Promise<Counters | undefined>;
  keepCounters(device: string, counters: Counters): Promise<void>;
  drop(device: string, sequences: readonly number[]): Promise<void>;
}

/** Sales and returns that stay on the device to be printed again. */
const KEPT = 300;
const START: Counters = { sequence: 0, number: 0, hash: NO_HASH, taken: 0 };

export class Journal {
  facts: Fact[] = [];
  counters: Counters = START;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly shelf: Shelf;
  private readonly device: string;

  constructor(shelf: Shelf, device: string) {
    this.shelf = shelf;
    this.device = device;
  }

  async open(): Promise<void> {
    this.facts = await this.shelf.facts(this.device);
    this.counters = (await this.shelf.counters(this.device)) ?? START;
  }

  /** The server knows how far this device came: a page that lost its journal goes on from there.  `isNew`: it says so
   * now, and not in a snapshot that was kept. */
  async reconcile(told: Snapshot["device"], isNew: boolean): Promise<void> {
    await this.inTurn(async () => {
      const { sequence, number, hash } = this.counters;
      const isBehind = told.next_sequence - 1 > sequence;
      const next: Counters = {
        sequence: isBehind ? told.next_sequence - 1 : sequence,
        hash: isBehind ? told.last_hash : hash,
        number: Math.max(number, told.next_number - 1),
        // A server that was put back from a backup asks again for what it had.
        taken: isNew ? told.next_sequence - 1 : Math.max(this.counters.taken, told.next_sequence - 1),
      };
      if (canonical(next) === canonical(this.counters)) return;
      await this.shelf.keepCounters(this.device, next);
      this.counters = next;
    });
  }

  /** The fact, when it is safe on the disk.  `numbered`: the body gets the next number of the series. */
  append<K extends Kind>(
    kind: K,
    body: Bodies[K],
    about: { assistant: number | null; shift: string | null; at?: number; numbered?: boolean },
  ): Promise<Fact> {
    return this.inTurn(async () => {
      const sequence = this.counters.sequence + 1;
      const number = this.counters.number + (about.numbered ? 1 : 0);
      const bare = {
        sequence,
        at: new Date(about.at ?? Date.now()).toISOString(),
        kind,
        assistant: about.assistant,
        shift: about.shift,
        body: about.numbered ? { ...body, number } : body,
        previous: this.counters.hash,
      };
      const hash = await sha256(canonical(bare));
      const fact = { ...bare, hash } as Fact;
      const counters: Counters = { ...this.counters, sequence, number, hash };
      await this.shelf.append(this.device, fact, counters);
      this.counters = counters;
      this.facts.push(fact);
      return fact;
    });
  }

  get unsent(): Fact[] {
    return this.facts.filter((fact) => fact.sequence > this.counters.taken);
  }

  /** The server has all up to this one.  `shift`: whose facts are still added up here. */
  async taken(to: number, shift: string | null): Promise<void> {
    await this.inTurn(async () => {
      if (to !== this.counters.taken) {
        const counters = { ...this.counters, taken: Math.min(to, this.counters.sequence) };
        await this.shelf.keepCounters(this.device, counters);
        this.counters = counters;
      }
      const printable = new Set(
        this.facts
          .filter((fact) => fact.kind === "sale" || fact.kind === "return")
          .slice(-KEPT)
          .map((fact) => fact.sequence),
      );
      const old = this.facts.filter(
        (fact) =>
          fact.sequence <= this.counters.taken &&
          !printable.has(fact.sequence) &&
          (shift === null || fact.shift !== shift),
      );
      if (old.length === 0) return;
      await this.shelf.drop(
        this.device,
        old.map((fact) => fact.sequence),
      );
      const gone = new Set(old);
      this.facts = this.facts.filter((fact) => !gone.has(fact));
    });
  }

  /** What another tab wrote meanwhile. */
  reread(): Promise<void> {
    return this.inTurn(() => this.open());
  }

  /** One after the other: two facts never take one sequence. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.queue.then(work);
    this.queue = done.catch(() => undefined);
    return done;
  }
}
