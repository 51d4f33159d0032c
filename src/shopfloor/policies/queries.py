"""SQL of a shop's policies.  One function, one statement."""

from shopfloor.kernel.database import Tx
from shopfloor.policies.models import ShopTerms


async def shop_terms(tx: Tx, *, shop_id: int) -> ShopTerms | None:
    return await tx.first(
        ShopTerms,
        """
        SELECT shipping_minor, free_shipping_from_minor, pay_within_hours, balance_within_days, keep_deposit,
               claim_seconds, pay_to, pick_up_at, together_hours, pay_after_minutes, unpaid_units
          FROM orders.policy WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def save_shop_terms(tx: Tx, *, shop_id: int, terms: ShopTerms) -> None:
    await tx.run(
        """
        INSERT INTO orders.policy (shop_id, shipping_minor, free_shipping_from_minor, pay_within_hours,
                                   balance_within_days, keep_deposit, claim_seconds, pay_to, pick_up_at, together_hours,
                                   pay_after_minutes, unpaid_units)
        VALUES (%(shop_id)s, %(shipping)s, %(free_from)s, %(pay_within)s, %(balance_within)s, %(keep)s,
                %(claim)s, %(pay_to)s, %(pick_up_at)s, %(together)s, %(pay_after)s, %(unpaid_units)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET shipping_minor = excluded.shipping_minor,
              free_shipping_from_minor = excluded.free_shipping_from_minor,
              pay_within_hours = excluded.pay_within_hours,
              balance_within_days = excluded.balance_within_days,
              keep_deposit = excluded.keep_deposit,
              claim_seconds = excluded.claim_seconds,
              pay_to = excluded.pay_to,
              pick_up_at = excluded.pick_up_at,
              together_hours = excluded.together_hours,
              pay_after_minutes = excluded.pay_after_minutes,
              unpaid_units = excluded.unpaid_units
        """,
        shop_id=shop_id,
        shipping=terms.shipping_minor,
        free_from=terms.free_shipping_from_minor,
        pay_within=terms.pay_within_hours,
        balance_within=terms.balance_within_days,
        keep=terms.keep_deposit,
        claim=terms.claim_seconds,
        pay_to=terms.pay_to,
        pick_up_at=terms.pick_up_at,
        together=terms.together_hours,
        pay_after=terms.pay_after_minutes,
        unpaid_units=terms.unpaid_units,
    )
