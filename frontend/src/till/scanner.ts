// A keyboard scanner types faster than people do and ends with Enter.  What it types never stays in a field.

/** Milliseconds between two keys of a scanner, at most; and how many keys a code has, at least. */
const FAST = 50;
const SHORTEST = 5;

type Field = HTMLInputElement | HTMLTextAreaElement;

export class Scanner {
  private keys = "";
  private last = 0;
  private before: readonly [Field, string] | null = null;
  private readonly heard: (code: string) => void;

  constructor(heard: (code: string) => void) {
    this.heard = heard;
  }

  /** Whether this key ended a code. */
  key(key: string, at: number, field: Field | null = null): boolean {
    const isFast = at - this.last <= FAST;
    this.last = at;
    if (key === "Enter") {
      const code = this.keys;
      this.keys = "";
      if (!isFast || code.length < SHORTEST) return false;
      if (this.before !== null) {
        const [typedInto, value] = this.before;
        typedInto.value = value;
        typedInto.dispatchEvent(new Event("input", { bubbles: true }));
      }
      this.heard(code);
      return true;
    }
    if ([...key].length !== 1) return false;
    if (!isFast) {
      this.keys = "";
      this.before = field === null ? null : [field, field.value];
    }
    this.keys += key;
    return false;
  }

  listen(target: Document): void {
    target.addEventListener(
      "keydown",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const field =
          event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement
            ? event.target
            : null;
        if (this.key(event.key, event.timeStamp, field)) {
          event.preventDefault();
          event.stopPropagation();
        }
      },
      { capture: true },
    );
  }
}
