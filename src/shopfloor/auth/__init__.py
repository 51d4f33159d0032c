"""Who is asking: signing in, sessions, the second factor, and links that set a password or take a node over.

Promise: a session is somebody who knew the password, and had the second factor where there is one.  Tokens are 256
random bits of which only a hash is stored; tries are counted, so nobody guesses and nobody locks another out.
"""

from shopfloor.auth import faults, second_factor
from shopfloor.auth.device import issue_device, read_device
from shopfloor.auth.models import (
    Joined,
    SecondFactorNeeded,
    SignInNeeded,
    TooManyAttempts,
    UnknownClaim,
    UnknownReset,
    WeakPassword,
    WrongCredentials,
)
from shopfloor.auth.service import (
    actor,
    change_password,
    check_claim,
    claim_owner,
    ensure_owner_claim,
    forget_expired,
    join,
    make_member_reset,
    make_reset,
    reset_for,
    reset_password,
    rotate_secret,
)
from shopfloor.auth.sessions import (
    end_other_sessions,
    end_session,
    open_session,
    open_sessions,
    sign_out,
    signed_in,
)
from shopfloor.auth.sign_in import sign_in

__all__ = [
    "Joined",
    "SecondFactorNeeded",
    "SignInNeeded",
    "TooManyAttempts",
    "UnknownClaim",
    "UnknownReset",
    "WeakPassword",
    "WrongCredentials",
    "actor",
    "change_password",
    "check_claim",
    "claim_owner",
    "end_other_sessions",
    "end_session",
    "ensure_owner_claim",
    "faults",
    "forget_expired",
    "issue_device",
    "join",
    "make_member_reset",
    "make_reset",
    "open_session",
    "open_sessions",
    "read_device",
    "reset_for",
    "reset_password",
    "rotate_secret",
    "second_factor",
    "sign_in",
    "sign_out",
    "signed_in",
]
