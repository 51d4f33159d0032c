// Made from src/shopfloor/rooms/state.py by tools/room_types.py; change it there.

/** So many units of a variant in one bundle. */
export interface BundlePart {
  readonly id: number;
  readonly quantity: number;
  readonly title: string;
  readonly titles: Readonly<Record<string, string>>;
  readonly options: readonly string[];
  readonly option_texts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What can be bought: now, and later by the day it is ready. */
export interface LeftState {
  readonly left: number;
  readonly ready_on?: string | null;
  readonly later: readonly (readonly [string, number])[];
}

/** A variant of an offer: its price, what is left of it and how many units are waited for. */
export interface LineState {
  readonly id: number;
  readonly sku: string;
  readonly options: readonly string[];
  readonly price_minor: number;
  readonly currency: string;
  readonly left: number;
  readonly ready_on?: string | null;
  readonly later: readonly (readonly [string, number])[];
  readonly waiting: number;
  readonly parts?: readonly BundlePart[];
}

/** The offer's prices are those of a flash, until `ends_at` at the latest, for so many `units`; what is left of */
export interface FlashState {
  readonly ends_at: number;
  readonly units: number;
  readonly days: number;
  readonly struck: Readonly<Record<string, number>>;
}

/** A product on offer; `lines` by variant id.  `option_texts`: its options in other languages, by locale. */
export interface OfferState {
  readonly id: number;
  readonly product_id: number;
  readonly title: string;
  readonly titles: Readonly<Record<string, string>>;
  readonly picture?: string | null;
  readonly kind: string;
  readonly option_names: readonly string[];
  readonly policy: "timer" | "first_paid" | "queue";
  readonly limit?: number | null;
  readonly hold_seconds: number;
  readonly deposit_percent?: number | null;
  readonly lines: Readonly<Record<string, LineState>>;
  readonly option_texts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly flash?: FlashState | null;
}

/** The offer that is shown now, and since when. */
export interface FeaturedState {
  readonly offer_id: number;
  readonly at: number;
}

/** A notice on top of the room, or the correction of something said about an offer. */
export interface NoticeState {
  readonly kind: string;
  readonly text: string;
  readonly texts: Readonly<Record<string, string>>;
  readonly offer_id?: number | null;
  readonly at: number;
}

/** A line of chat that stands above the others. */
export interface PinnedState {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly role: string;
  readonly at: number;
}

/** What is bought in the show is paid so many `minutes` after it by who may, up to so many unpaid `units`. */
export interface PayAtEndState {
  readonly until: string;
  readonly minutes: number;
  readonly units: number;
}

/** The show itself; `started_at` as ISO 8601, `playback` the address of its playlist. */
export interface ShowState {
  readonly id: number;
  readonly shop: string;
  readonly title: string;
  readonly titles: Readonly<Record<string, string>>;
  readonly status: "planned" | "live" | "ended";
  readonly started_at?: string | null;
  readonly channel_id?: number | null;
  readonly playback?: string | null;
  readonly pay_at_end?: PayAtEndState | null;
  readonly slow_seconds?: number;
}

/** A lot that goes to whoever bids most; amounts are for all `quantity` of it.  Bids of at least `asked_minor` are taken */
export interface AuctionState {
  readonly id: number;
  readonly offer_id: number;
  readonly title: string;
  readonly titles: Readonly<Record<string, string>>;
  readonly options: readonly string[];
  readonly picture?: string | null;
  readonly quantity: number;
  readonly currency: string;
  readonly price_minor?: number | null;
  readonly asked_minor: number;
  readonly bids: number;
  readonly bidders: number;
  readonly leader?: number | null;
  readonly leader_name: string;
  readonly state: "open" | "sold" | "unsold" | "cancelled";
  readonly ends_at: number;
  readonly extend_seconds: number;
  readonly latest_end: number;
  readonly reserve_met: boolean;
  readonly why?: string | null;
  readonly paid?: boolean;
  readonly passed?: boolean;
}

/** A prize that is drawn among those who entered.  Entries are taken until `closes_at` while it is open, and it is */
export interface GiveawayState {
  readonly id: number;
  readonly prize: string;
  readonly value_minor: number;
  readonly currency: string;
  readonly winners: number;
  readonly entries: number;
  readonly state: "open" | "closed" | "drawn" | "void";
  readonly closes_at: number;
  readonly draws_at: number;
  readonly proven_only?: boolean;
  readonly waits?: boolean;
  readonly drawn?: readonly (readonly [string, string])[];
}

/** A question with its answers and the votes for each, in their order; it takes votes until `closes_at`, in milliseconds */
export interface PollState {
  readonly id: number;
  readonly question: string;
  readonly answers: readonly string[];
  readonly counts: readonly number[];
  readonly closes_at: number;
  readonly closed?: boolean;
}

/** A coupon that is collected in the room, at `/s/{shop}/coupons/{slug}`: so many `percent`, or so much, off orders of */
export interface CouponState {
  readonly id: number;
  readonly title: string;
  readonly slug: string;
  readonly kind: "percentage" | "amount" | "free_shipping";
  readonly percent: string;
  readonly amount_minor: number;
  readonly minimum_minor: number;
  readonly currency: string;
  readonly left?: number | null;
  readonly ends_at?: number | null;
  readonly open: boolean;
}

/** Everything a room shows besides the talk. */
export interface RoomState {
  readonly show: ShowState;
  readonly featured?: FeaturedState | null;
  readonly order: readonly number[];
  readonly offers: Readonly<Record<string, OfferState>>;
  readonly parts?: Readonly<Record<string, LeftState>>;
  readonly viewers: number;
  readonly likes: number;
  readonly orders: number;
  readonly notice?: NoticeState | null;
  readonly pinned?: PinnedState | null;
  readonly giveaway?: GiveawayState | null;
  readonly poll?: PollState | null;
  readonly coupon?: CouponState | null;
  readonly auction?: AuctionState | null;
}
