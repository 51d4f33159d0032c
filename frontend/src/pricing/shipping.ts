// Which ways of delivery an order has, and what they cost.

import type { Method, Option, Place, PriceStep, Question, Shipping, Zone } from "./models.ts";
import { covers, inPostcodes, inRegions } from "./places.ts";

/** The first zone that has the place. */
function zoneOf(shipping: Shipping, place: Place): Zone | null {
  return (
    (shipping.zones ?? []).find(
      (zone) =>
        !inRegions(zone.except_regions ?? [], place) &&
        !inPostcodes(zone.except_postcodes ?? [], place) &&
        covers(zone.countries, zone.regions ?? [], zone.postcodes ?? [], place),
    ) ?? null
  );
}

export function offered(question: Question, goods: number): Option[] {
  const place = question.destination ?? {};
  const zone = place.country ? zoneOf(question.shipping ?? {}, place) : null;
  return (question.shipping?.methods ?? []).flatMap((method) => {
    const amount = reaches(method, zone, place) ? priceOf(method, question, goods) : null;
    return amount === null ? [] : [{ id: method.id, kind: method.kind ?? "ship", amount }];
  });
}

function reaches(method: Method, zone: Zone | null, place: Place): boolean {
  if (method.kind === "pick_up") return true;
  if (method.kind === "local")
    return Boolean(place.postcode) && covers(method.countries ?? [], [], method.postcodes ?? [], place);
  return zone !== null && (method.zone ?? "") === zone.id;
}

/** Null where the order is heavier, or worth more, than the last step. */
function priceOf(method: Method, question: Question, goods: number): number | null {
  const weight = () => question.lines.reduce((sum, line) => sum + (line.weight ?? 0) * line.quantity, 0);
  const by = method.by ?? "flat";
  const amount =
    by === "flat" ? (method.amount ?? 0) : step(method.steps ?? [], by === "weight" ? weight() : goods);
  return amount !== null && method.free_from != null && goods >= method.free_from ? 0 : amount;
}

function step(steps: readonly PriceStep[], size: number): number | null {
  const fitting = steps
    .filter((each) => each.up_to == null || size <= each.up_to)
    .sort(
      (one, other) => (one.up_to ?? Number.POSITIVE_INFINITY) - (other.up_to ?? Number.POSITIVE_INFINITY),
    );
  return fitting[0]?.amount ?? null;
}
