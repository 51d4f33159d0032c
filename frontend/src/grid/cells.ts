// What a grid of fields is, apart from the page: columns by the names of cells, and what a paste means.

/** "price-12" is in the column "price", "units-12-3" (variant, place) in "units-3". */
export function columnOf(name: string): string {
  return name.replace(/-\d+/, "");
}

/** A piece of a spreadsheet, as lines of cells; null where it is one value, which the field takes by itself. */
export function pasted(text: string): string[][] | null {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n");
  if (lines.length === 1 && !text.includes("\t") && !text.includes("\n")) return null;
  return lines.map((each) => each.split("\t").map((cell) => cell.trim()));
}
