"""How often somebody may do something.  Pure: the caller brings the time."""

from typing import Final

# Keys whose allowance is whole are dropped above this.
MOST_KEYS: Final = 50_000


class Gcra:
    """The generic cell rate algorithm: one `every` seconds on average, `burst` at once.

    One number per key is kept: when its allowance will be whole again.
    """

    __slots__ = ("_every", "_slack", "_whole_at")

    def __init__(self, *, every: float, burst: int) -> None:
        self._every = every
        self._slack = every * (burst - 1)
        self._whole_at: dict[object, float] = {}

    def wait(self, key: object, now: float, cost: int = 1) -> float:
        """Take `cost` from the allowance of `key` and return 0; or take nothing and return the seconds to wait."""
        whole_at = max(self._whole_at.get(key, now), now)
        early = whole_at - self._slack + self._every * (cost - 1) - now
        if early > 1e-9:
            return early
        if len(self._whole_at) > MOST_KEYS:
            self.forget(now)
        self._whole_at[key] = whole_at + self._every * cost
        return 0.0

    def short(self, key: object, now: float) -> float:
        """The seconds until one may be taken from the allowance of `key`; takes nothing."""
        return max(0.0, self._whole_at.get(key, now) - self._slack - now)

    def forget(self, now: float) -> None:
        """Drop the keys whose allowance is whole."""
        self._whole_at = {key: whole_at for key, whole_at in self._whole_at.items() if whole_at > now}

    def __len__(self) -> int:
        return len(self._whole_at)
