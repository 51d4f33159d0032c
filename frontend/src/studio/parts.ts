// Keeping a page that the server wrote true without losing what somebody is doing in it: the same page is fetched again and
// each part of it is changed only where it differs.  Focus, typed text, open menus and the elements themselves stay.

/** Make `old` like `fresh`, element by element. */
export function morph(old: Element, fresh: Element): void {
  sameAttributes(old, fresh);
  if (old instanceof HTMLInputElement && fresh instanceof HTMLInputElement && !isTouched(old))
    old.value = fresh.value;
  if (old instanceof HTMLTextAreaElement) return;
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  for (const [index, node] of after.entries()) {
    const known = before[index];
    if (known === undefined) old.append(document.importNode(node, true));
    else if (known instanceof Element && node instanceof Element && isSame(known, node)) morph(known, node);
    else if (known.nodeType === node.nodeType && !(known instanceof Element)) {
      if (known.nodeValue !== node.nodeValue) known.nodeValue = node.nodeValue;
    } else known.replaceWith(document.importNode(node, true));
  }
  for (const node of before.slice(after.length)) node.remove();
}

function isSame(one: Element, other: Element): boolean {
  return one.tagName === other.tagName && one.id === other.id;
}

/** Typed into and not sent yet, or being typed into. */
function isTouched(input: HTMLInputElement): boolean {
  return (
    input === document.activeElement || (input.type !== "hidden" && input.dataset["touched"] !== undefined)
  );
}

function sameAttributes(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !KEPT.has(name)) old.setAttribute(name, value);
  }
}

const KEPT = new Set(["open", "data-touched", "data-sent", "aria-busy"]);

/** Take over every [data-part] of another version of this page.  False when it is no such page. */
export function takeOver(page: Document): boolean {
  if (page.getElementById("studio") === null) return false;
  for (const part of document.querySelectorAll<HTMLElement>("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${part.dataset["part"] ?? ""}"]`);
    if (fresh !== null) morph(part, fresh);
  }
  return true;
}
