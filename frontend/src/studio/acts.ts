// Forms of a page that stays: each act has a key by which the server carries it out once.  Tapped again, it is another
// act; tapped again because no answer came, it is the same one.

const KEY = "form_key";

export class Acts {
  private readonly open = new Map<string, string>();
  private readonly newKey: () => string;

  constructor(newKey: () => string = randomKey) {
    this.newKey = newKey;
  }

  /** Give what is about to be sent its key. */
  name(action: string, body: URLSearchParams): void {
    const what = contents(action, body);
    const key = this.open.get(what) ?? this.newKey();
    this.open.set(what, key);
    body.set(KEY, key);
  }

  /** The server has answered: the next one is another act. */
  answered(action: string, body: URLSearchParams): void {
    this.open.delete(contents(action, body));
  }
}

function contents(action: string, body: URLSearchParams): string {
  const rest = new URLSearchParams(body);
  rest.delete(KEY);
  return `${action}?${rest}`;
}

/** Not `randomUUID`: a shop on the local network has no secure context. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
