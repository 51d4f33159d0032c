// Computes the draw of a giveaway again from its file: the twin of src/shopfloor/giveaways/verifying.py, but for the
// signature of the public value, which browsers can't check.  Both are tested with tests/vectors/draws.json.

import { type Check, canonical, hex, join, need, readCanonical, same, sha256, utf8, Wrong } from "./check.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is in a file is looked at before it is believed
type Any = any;
type Bytes = Uint8Array<ArrayBuffer>;

const FILE = "shopfloor.draw-file/1";
const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const NAMES = "closing,entries,rules,secret,seed,signature,type,winners";

/** Whether it means to be the file of a draw. */
export function isDraw(data: Bytes): boolean {
  try {
    return JSON.parse(new TextDecoder().decode(data))?.type === FILE;
  } catch {
    return false;
  }
}

function unhex(text: unknown, length: number): Bytes {
  need(typeof text === "string" && /^([0-9a-f]{2})+$/.test(text) && text.length === 2 * length, "draw.bytes");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function read(data: Bytes): Any {
  const file = readCanonical(data, "draw.not_canonical");
  const isFile = file !== null && typeof file === "object" && Object.keys(file).sort().join() === NAMES;
  need(isFile && file.type === FILE, "draw.not_a_file");
  need(file.rules?.type === "shopfloor.giveaway/1", "draw.not_a_file");
  need(file.closing?.type === "shopfloor.draw-list/1", "draw.not_a_file");
  return file;
}

async function digest(document: unknown): Promise<Bytes> {
  return sha256(utf8(canonical(document)));
}

async function rootOf(leaves: readonly Bytes[]): Promise<Bytes> {
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return sha256(Uint8Array.of(1), await rootOf(leaves.slice(0, half)), await rootOf(leaves.slice(half)));
}

async function rules(draw: Any): Promise<Check> {
  const found = hex(await digest(draw.rules));
  need(draw.closing.rules === found, "draw.other_rules");
  return { state: "proven", code: "draw.rules", facts: { hash: found } };
}

async function list(draw: Any): Promise<Check> {
  const numbers: Any = draw.entries;
  need(Array.isArray(numbers) && numbers.length > 0, "draw.other_list");
  need(
    numbers.every(
      (each: Any, place: number) =>
        typeof each === "string" && /^[0-9A-Z]{10}$/.test(each) && (place === 0 || numbers[place - 1] < each),
    ),
    "draw.twice",
  );
  const leaves = await Promise.all(numbers.map((each: string) => sha256(Uint8Array.of(0), utf8(each))));
  const root = hex(await rootOf(leaves));
  need(root === draw.closing.root && numbers.length === draw.closing.entries, "draw.other_list");
  return { state: "proven", code: "draw.list", facts: { n: numbers.length, root } };
}

async function secret(draw: Any): Promise<Check> {
  need(hex(await sha256(unhex(draw.secret, 32))) === draw.rules.commitment, "draw.other_secret");
  return { state: "proven", code: "draw.secret" };
}

async function winners(draw: Any): Promise<Check> {
  const seed = await sha256(
    join(
      utf8("shopfloor draw\n"),
      await digest(draw.rules),
      await digest(draw.closing),
      unhex(draw.secret, 32),
      await sha256(unhex(draw.signature, 48)),
    ),
  );
  need(same(seed, unhex(draw.seed, 32)), "draw.other_seed");
  const ranked = await Promise.all(
    (draw.entries as string[]).map(async (number) => ({
      number,
      rank: hex(await sha256(seed, utf8(number))),
    })),
  );
  ranked.sort((one, other) => (one.rank < other.rank ? -1 : 1));
  const drawn = ranked.slice(0, draw.rules.winners).map((each) => each.number);
  need(canonical(drawn) === canonical(draw.winners), "draw.others");
  return { state: "proven", code: "draw.winners", facts: { numbers: drawn.join(", ") } };
}

/** Browsers have no BLS: the reader compares the value with what drand itself publishes. */
async function value(draw: Any): Promise<Check> {
  const { beacon } = draw.rules;
  const { closed_at } = draw.closing;
  need(typeof closed_at === "string" && closed_at < beacon.at, "draw.late");
  need(closed_at >= draw.rules.closes_at, "draw.early");
  const code = beacon.chain === QUICKNET ? "draw.drand" : "draw.local";
  return {
    state: "open",
    code,
    facts: { round: beacon.round, chain: beacon.chain, name: beacon.name, value: String(draw.signature) },
  };
}

export interface DrawVerdict {
  readonly draw: Any;
  readonly checks: readonly Check[];
}

export async function verifyDraw(data: Bytes): Promise<DrawVerdict> {
  const checks: Check[] = [];
  const run = async (look: () => Promise<Check>): Promise<void> => {
    try {
      checks.push(await look());
    } catch (problem) {
      checks.push({ state: "failed", code: problem instanceof Wrong ? problem.message : "malformed" });
    }
  };
  let draw: Any = null;
  await run(async () => {
    draw = read(data);
    return rules(draw);
  });
  if (draw === null) return { draw, checks };
  await run(() => list(draw));
  await run(() => secret(draw));
  await run(() => winners(draw));
  await run(() => value(draw));
  checks.push({ state: "open", code: "draw.published", facts: { root: String(draw.closing.root) } });
  return { draw, checks };
}
