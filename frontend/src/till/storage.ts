// The device's disk: IndexedDB, behind what journal and till ask of it.

import type { Counters, Shelf } from "./journal.ts";
import type { Fact } from "./protocol.ts";

const FACTS = "facts";
const VALUES = "values";

export class Disk implements Shelf {
  private readonly base: IDBDatabase;

  private constructor(base: IDBDatabase) {
    this.base = base;
  }

  static async open(slug: string): Promise<Disk> {
    const asked = indexedDB.open(`till-${slug}`, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore(FACTS);
      asked.result.createObjectStore(VALUES);
    };
    const base = await answer(asked);
    base.onversionchange = () => base.close();
    return new Disk(base);
  }

  async get<T>(name: string): Promise<T | undefined> {
    return answer<T | undefined>(this.base.transaction(VALUES).objectStore(VALUES).get(name));
  }

  async put(name: string, value: unknown): Promise<void> {
    const write = this.write([VALUES]);
    write.objectStore(VALUES).put(value, name);
    await done(write);
  }

  async facts(device: string): Promise<Fact[]> {
    const all = IDBKeyRange.bound([device, 0], [device, Number.MAX_SAFE_INTEGER]);
    return answer<Fact[]>(this.base.transaction(FACTS).objectStore(FACTS).getAll(all));
  }

  async append(device: string, fact: Fact, counters: Counters): Promise<void> {
    const write = this.write([FACTS, VALUES]);
    // `add`, not `put`: where another tab has written this sequence, nothing of this is kept.
    write.objectStore(FACTS).add(fact, [device, fact.sequence]);
    write.objectStore(VALUES).put(counters, `counters ${device}`);
    await done(write);
  }

  counters(device: string): Promise<Counters | undefined> {
    return this.get(`counters ${device}`);
  }

  keepCounters(device: string, counters: Counters): Promise<void> {
    return this.put(`counters ${device}`, counters);
  }

  async drop(device: string, sequences: readonly number[]): Promise<void> {
    const write = this.write([FACTS]);
    for (const sequence of sequences) write.objectStore(FACTS).delete([device, sequence]);
    await done(write);
  }

  /** Strict: the answer comes when the bytes are on the disk, not when the system has heard of them. */
  private write(stores: string[]): IDBTransaction {
    return this.base.transaction(stores, "readwrite", { durability: "strict" });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(write: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    write.oncomplete = () => resolve();
    write.onabort = () => reject(write.error);
  });
}
