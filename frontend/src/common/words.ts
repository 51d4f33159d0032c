// Words of this page in the reader's language.  The server writes them into the page; nothing is translated here.

export type Words = Readonly<Record<string, string>>;

/** The JSON that the server left in the page under this id. */
export function pageData<T>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no data called ${id}`);
  return JSON.parse(element.textContent ?? "") as T;
}

/** Fill `%(name)s` in a sentence. */
export function fill(sentence: string, values: Readonly<Record<string, string | number>> = {}): string {
  return sentence.replace(/%\((\w+)\)s/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

export type Say = (key: string, values?: Readonly<Record<string, string | number>>) => string;

/** `say("left", {n: 3})`; a key the server did not send shows itself, so that a test sees it. */
export function speaker(words: Words): Say {
  return (key, values) => fill(words[key] ?? key, values);
}
