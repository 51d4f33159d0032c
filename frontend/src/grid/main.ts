// Grids of fields: keys move between cells, a pasted column fills downwards, and only what was changed is sent.

import { columnOf, pasted } from "./cells.ts";

type Cell = HTMLInputElement | HTMLSelectElement;

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-grid]")) {
  const cells = [...form.querySelectorAll<Cell>("input.cell, select.cell")];
  const columns = new Map<string, Cell[]>();
  for (const cell of cells) {
    const column = columnOf(cell.name);
    const known = columns.get(column);
    if (known === undefined) columns.set(column, [cell]);
    else known.push(cell);
  }
  // What a cell showed stands in the field before it.
  const before = (cell: Cell): HTMLInputElement | null =>
    cell.previousElementSibling instanceof HTMLInputElement ? cell.previousElementSibling : null;
  const isChanged = (cell: Cell): boolean => cell.value !== before(cell)?.value;

  const unsaved = form.querySelector<HTMLElement>("[data-unsaved]");
  const count = unsaved?.querySelector("b") ?? null;
  const tell = (): void => {
    const changed = cells.filter(isChanged).length;
    for (const cell of cells) cell.classList.toggle("changed", isChanged(cell));
    if (unsaved !== null) unsaved.hidden = changed === 0;
    if (count !== null) count.textContent = String(changed);
  };
  form.addEventListener("input", tell);
  form.addEventListener("change", tell);

  const put = (cell: Cell, value: string): void => {
    if (cell instanceof HTMLSelectElement) {
      const option = [...cell.options].find((each) => each.text === value || each.value === value);
      if (option !== undefined) cell.value = option.value;
    } else cell.value = value;
    cell.dispatchEvent(new Event("input", { bubbles: true }));
  };

  form.addEventListener("paste", (event) => {
    const cell = event.target;
    const lines = pasted(event.clipboardData?.getData("text/plain") ?? "");
    if (!(cell instanceof HTMLInputElement) || !cells.includes(cell) || lines === null) return;
    event.preventDefault();
    const column = columns.get(columnOf(cell.name)) ?? [];
    const from = column.indexOf(cell);
    for (const [down, line] of lines.entries()) {
      const first = column[from + down];
      if (first === undefined) break;
      const row = [...(first.closest("tr")?.querySelectorAll<Cell>("input.cell, select.cell") ?? [])];
      const at = row.indexOf(first);
      for (const [right, value] of line.entries()) {
        const target = row[at + right];
        if (target !== undefined) put(target, value);
      }
    }
  });

  form.addEventListener("keydown", (event) => {
    const cell = event.target;
    if (!(cell instanceof HTMLInputElement) || !cells.includes(cell) || event.isComposing) return;
    const step = { ArrowDown: 1, Enter: event.shiftKey ? -1 : 1, ArrowUp: -1 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const column = columns.get(columnOf(cell.name)) ?? [];
    const next = column[column.indexOf(cell) + step];
    next?.focus();
    if (next instanceof HTMLInputElement) next.select();
  });

  let sending = false;
  form.addEventListener("submit", () => {
    sending = true;
    for (const cell of cells) {
      const kept = before(cell);
      // A cell that nobody touched says nothing; the browser still takes what was typed into the others.
      if (isChanged(cell)) continue;
      cell.disabled = true;
      if (kept !== null) kept.disabled = true;
    }
  });
  addEventListener("pageshow", () => {
    sending = false;
    for (const field of form.querySelectorAll<HTMLInputElement | HTMLSelectElement>(":disabled"))
      field.disabled = false;
    tell();
  });
  addEventListener("beforeunload", (event) => {
    if (!sending && cells.some(isChanged)) event.preventDefault();
  });
  tell();
}
