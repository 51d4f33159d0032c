// One text for one value, and its hash: what the chain of the journal is made of.

export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => byCodePoint(one, other)))
      : part,
  );
}

/** JavaScript compares halves of characters; the server compares characters. */
function byCodePoint(one: string, other: string): number {
  const [mine, theirs] = [[...one], [...other]];
  for (let at = 0; at < Math.min(mine.length, theirs.length); at++) {
    const difference = (mine[at]?.codePointAt(0) ?? 0) - (theirs[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return mine.length - theirs.length;
}

/** SHA-256 of the text as UTF-8, in lower-case hexadecimal digits. */
export async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
