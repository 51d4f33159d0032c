// Checks a statement file with the browser's own cryptography and nothing else: the twin of
// src/shopfloor/statements/verifying.py.  Both are tested with tests/vectors/statements.json.

export interface Check {
  /** `open`: neither proven nor disproven by what is here. */
  readonly state: "proven" | "open" | "failed";
  readonly code: string;
  readonly facts?: Readonly<Record<string, string | number>>;
}
export interface Verdict {
  // biome-ignore lint/suspicious/noExplicitAny: what is in a file is looked at before it is believed
  readonly statement: any;
  readonly checks: readonly Check[];
}

interface Key {
  readonly name: string;
  readonly id: string;
  readonly kind: number;
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly text: string;
}
interface Line {
  readonly name: string;
  readonly id: string;
  readonly value: Uint8Array<ArrayBuffer>;
}
type Bytes = Uint8Array<ArrayBuffer>;

const OF_A_FIGURE = ["version", "definition", "unit", "numerator", "denominator", "state"];
const LOG = 1;
const WITNESS = 4;

/** In one word, what is wrong. */
export class Wrong extends Error {}

export function need(holds: unknown, code: string): asserts holds {
  if (!holds) throw new Wrong(code);
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

export function join(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export async function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

export const same = (one: Bytes, other: Bytes): boolean =>
  one.length === other.length && one.every((byte, place) => byte === other[place]);
export const hex = (bytes: Bytes): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function bytes(text: unknown, length?: number): Bytes {
  need(typeof text === "string", "base64");
  let binary = "";
  try {
    binary = atob(text);
  } catch {
    throw new Wrong("base64");
  }
  need(btoa(binary) === text && (length === undefined || binary.length === length), "base64");
  return Uint8Array.from(binary, (one) => one.charCodeAt(0));
}

/** RFC 8785: JavaScript writes numbers and texts as it says, and sorts names as it says. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  // Beyond 2^53 two integers share one double.
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 1e21)
    need(Number.isSafeInteger(value), "not_canonical");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const named = value as Record<string, unknown>;
  const names = Object.keys(named).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(named[name])}`).join(",")}}`;
}

async function keyOf(text: unknown, kind: number): Promise<Key> {
  need(typeof text === "string", "key");
  const [name = "", id = "", ...rest] = text.split("+");
  const whole = bytes(rest.join("+"), 33);
  const named = hex((await sha256(utf8(`${name}\n`), whole)).slice(0, 4));
  need(/^[^\s+]{1,200}$/.test(name) && named === id && whole[0] === kind, "key");
  return { name, id, kind, raw: whole.slice(1), text };
}

async function signed(key: Key, signature: Bytes, message: Bytes): Promise<boolean> {
  const own = await crypto.subtle.importKey("raw", key.raw, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, own, signature, message);
}

/** Whether this browser can check signatures: "" or the word for what is missing. */
export async function missing(): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) return "insecure";
  const known = Uint8Array.from([0x58, ...Array<number>(31).fill(0x66)]);
  try {
    await crypto.subtle.importKey("raw", known, { name: "Ed25519" }, false, ["verify"]);
    return "";
  } catch {
    return "no_ed25519";
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what is in a file is looked at before it is believed
type Any = any;

/** The value whose canonical text this is. */
export function readCanonical(data: Bytes, code: string): Any {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    // Half characters have no canonical text; a backslash that is escaped begins no escape.
    need(!/\\u(?!00[01])/.test(text.replace(/\\\\/g, "")), code);
    const file = JSON.parse(text);
    need(canonical(file) === text, code);
    return file;
  } catch {
    throw new Wrong(code);
  }
}

function read(data: Bytes): Any {
  const file = readCanonical(data, "not_canonical");
  const names = "checkpoint,inclusion,keys,position,signature,statement,type,witnesses";
  const isFile = file !== null && typeof file === "object" && Object.keys(file).sort().join() === names;
  need(isFile && file.type === "shopfloor.statement-file/1", "not_a_file");
  need(isStatement(file.statement), "not_a_file");
  return file;
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether it has what is read of it here; what was signed is not thereby what it should be. */
function isStatement(found: Any): boolean {
  return (
    isObject(found) &&
    found.type === "shopfloor.statement/1" &&
    ["log", "as_of", "state"].every((name) => typeof found[name] === "string") &&
    ["number", "version"].every((name) => Number.isInteger(found[name])) &&
    ["shop", "show", "figures", "tables", "inputs", "integrity"].every((name) => isObject(found[name])) &&
    ["name", "key"].every((name) => typeof found.shop[name] === "string") &&
    ["id", "title"].every((name) => name in found.show) &&
    Object.keys(found.figures).length > 0 &&
    Object.values(found.figures).every(
      (each: Any) => isObject(each) && OF_A_FIGURE.every((name) => name in each),
    ) &&
    typeof found.integrity.assessed === "boolean"
  );
}

interface Linked {
  readonly key: Key;
  readonly vouched: boolean;
}

async function chainOf(file: Any): Promise<readonly Linked[]> {
  const origin = file.statement.log;
  const found: Linked[] = [];
  for (const each of file.keys) {
    const { document } = each;
    const key = await keyOf(document.key, LOG);
    const before = found.at(-1)?.key;
    need(
      document.type === "shopfloor.key/1" &&
        document.number === found.length + 1 &&
        document.log === origin &&
        key.name === origin &&
        document.previous === (before?.text ?? null),
      "chain",
    );
    const message = utf8(`shopfloor key\n${canonical(document)}`);
    need(await signed(key, bytes(each.signature, 64), message), "chain");
    const vouched = each.previous_signature !== null;
    if (vouched) need(before && (await signed(before, bytes(each.previous_signature, 64), message)), "chain");
    found.push({ key, vouched });
  }
  need(found.length > 0, "chain");
  return found;
}

function lines(text: string): readonly Line[] {
  need(text.endsWith("\n"), "note");
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      const [dash, name = "", encoded, ...rest] = line.split(" ");
      const whole = bytes(encoded);
      need(dash === "—" && name !== "" && rest.length === 0 && whole.length > 4, "note");
      return { name, id: hex(whole.slice(0, 4)), value: whole.slice(4) };
    });
}

function checkpointOf(file: Any): { body: string; size: number; root: Bytes; lines: readonly Line[] } {
  need(typeof file.checkpoint === "string", "not_logged");
  const cut = file.checkpoint.lastIndexOf("\n\n");
  need(cut > 0, "note");
  const body: string = file.checkpoint.slice(0, cut + 1);
  const [origin, size = "", root] = body.split("\n");
  need(origin === file.statement.log, "other_log");
  need(/^(0|[1-9]\d{0,15})$/.test(size), "note");
  return { body, size: Number(size), root: bytes(root, 32), lines: lines(file.checkpoint.slice(cut + 2)) };
}

/** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); sizes are below 2^53. */
async function rootFrom(
  leaf: Bytes,
  position: number,
  size: number,
  proof: readonly Bytes[],
): Promise<Bytes> {
  const one = Uint8Array.of(1);
  let [at, last, value] = [position, size - 1, leaf];
  for (const each of proof) {
    need(last > 0, "not_included");
    if (at % 2 === 1 || at === last) {
      value = await sha256(one, each, value);
      while (at % 2 === 0 && at > 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else value = await sha256(one, value, each);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  need(last === 0, "not_included");
  return value;
}

async function signature(file: Any, chain: readonly Linked[]): Promise<Check> {
  const { statement } = file;
  const own = chain.find((each) => each.key.id === statement.shop.key)?.key;
  need(own, "no_key");
  const message = utf8(`shopfloor statement\n${canonical(statement)}`);
  need(await signed(own, bytes(file.signature, 64), message), "not_signed");
  return { state: "proven", code: "signed", facts: { shop: String(statement.shop.name), key: own.id } };
}

async function trust(file: Any, chain: readonly Linked[], given: string): Promise<Check> {
  const end = chain.findIndex((each) => each.key.id === file.statement.shop.key);
  need(end >= 0, "no_key");
  if (given.trim() === "")
    return { state: "open", code: "any_key", facts: { key: chain[end]?.key.text ?? "" } };
  const known = (await keyOf(given.trim(), LOG)).text;
  const begin = chain.findIndex((each) => each.key.text === known);
  need(begin >= 0, "other_key");
  need(end < vouchedFrom(chain, begin), "not_vouched");
  return { state: "proven", code: "your_key" };
}

/** Where the keys end that the one at `anchor` leads to: those before it, and those after it while each is vouched for. */
function vouchedFrom(chain: readonly Linked[], anchor: number): number {
  let end = anchor + 1;
  while (chain[end]?.vouched === true) end += 1;
  return end;
}

async function logged(file: Any, chain: readonly Linked[], given: string): Promise<Check> {
  const found = checkpointOf(file);
  const entry = canonical({ document: file.statement, signature: file.signature });
  const leaf = await sha256(Uint8Array.of(0), utf8(entry));
  const { position } = file;
  need(Number.isInteger(position) && position >= 0 && position < found.size, "not_included");
  const proof = file.inclusion.map((each: unknown) => bytes(each, 32));
  need(same(await rootFrom(leaf, position, found.size, proof), found.root), "not_included");
  // Whoever has a file can add a key of their own to it, and let that sign a log of their own.
  const anchor = chain.findIndex((each) =>
    given.trim() === "" ? each.key.id === file.statement.shop.key : each.key.text === given.trim(),
  );
  const trusted = anchor < 0 ? [] : chain.slice(0, vouchedFrom(chain, anchor)).map((each) => each.key);
  const witnesses = new Set<string>();
  for (const each of file.witnesses) {
    const witness = await keyOf(each, WITNESS);
    witnesses.add(`${witness.name} ${witness.id}`);
  }
  let own = 0;
  for (const line of found.lines) {
    const key = chain.find((each) => each.key.id === line.id && each.key.name === line.name)?.key;
    if (key === undefined) need(witnesses.has(`${line.name} ${line.id}`), "unknown_line");
    else {
      need(await signed(key, line.value, utf8(found.body)), "checkpoint_not_signed");
      if (trusted.includes(key)) own += 1;
    }
  }
  need(own > 0, "checkpoint_not_signed");
  return { state: "proven", code: "logged", facts: { position, size: found.size } };
}

async function witnessed(file: Any, chain: readonly Linked[]): Promise<Check> {
  const named: string[] = [];
  for (const each of file.witnesses) {
    const found = checkpointOf(file);
    const key = await keyOf(each, WITNESS);
    const line = found.lines.find((one) => one.id === key.id && one.name === key.name);
    need(line?.value.length === 72, "cosignature");
    const time = new DataView(line.value.buffer, line.value.byteOffset).getBigUint64(0);
    const message = utf8(`cosignature/v1\ntime ${time}\n${found.body}`);
    need(await signed(key, line.value.slice(8), message), "cosignature");
    need(!chain.some((own) => same(own.key.raw, key.raw)), "own_witness");
    named.push(key.text);
  }
  if (named.length === 0) return { state: "open", code: "not_witnessed" };
  return { state: "proven", code: "witnessed", facts: { names: named.join(", ") } };
}

/** Everything the file proves and what it does not; `key`: what the reader knows to be the shop's, or "". */
export async function verify(data: Bytes, key = ""): Promise<Verdict> {
  const checks: Check[] = [];
  const run = async (look: () => Promise<Check>): Promise<boolean> => {
    try {
      checks.push(await look());
      return true;
    } catch (problem) {
      checks.push({ state: "failed", code: problem instanceof Wrong ? problem.message : "malformed" });
      return false;
    }
  };
  let file: Any;
  let chain: readonly Linked[] = [];
  const readable = await run(async () => {
    file = read(data);
    chain = await chainOf(file);
    return signature(file, chain);
  });
  if (file === undefined) return { statement: null, checks };
  if (readable) {
    await run(() => trust(file, chain, key));
    await run(() => logged(file, chain, key));
    await run(() => witnessed(file, chain));
    checks.push({ state: "open", code: "events" });
    await run(async () => ({
      state: "open",
      code: file.statement.integrity.assessed ? "assessed" : "not_assessed",
    }));
  }
  return { statement: file.statement, checks };
}
