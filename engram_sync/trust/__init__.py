"""Membership: who founded a scope, who may read and write it, and how one gets in.

Holds charters, admissions, invites, and the one function that decides who may see a scope.
Must never contain I/O, a clock or entropy: times, nonces and seeds are arguments.
"""

from ._charter import Admit as Admit
from ._charter import Charter as Charter
from ._charter import MemberRole as MemberRole
from ._charter import admit_draft as admit_draft
from ._charter import charter_draft as charter_draft
from ._charter import found as found
from ._charter import label_draft as label_draft
from ._charters import Charters as Charters
from ._invite import Grant as Grant
from ._invite import InviteToken as InviteToken
from ._invite import SignedGrant as SignedGrant
from ._invite import make_invite as make_invite
from ._invite import parse_token as parse_token
from ._join import NOT_HERE as NOT_HERE
from ._join import Verdict as Verdict
from ._join import judge_join_untrusted as judge_join_untrusted
from ._limits import ADDRESSES_MAX as ADDRESSES_MAX
from ._membership import Member as Member
from ._membership import Membership as Membership
from ._membership import may_read as may_read
from ._proof import make_proof as make_proof
from ._proof import verify_proof_untrusted as verify_proof_untrusted

__all__ = [
    "ADDRESSES_MAX",
    "NOT_HERE",
    "Admit",
    "Charter",
    "Charters",
    "Grant",
    "InviteToken",
    "Member",
    "MemberRole",
    "Membership",
    "SignedGrant",
    "Verdict",
    "admit_draft",
    "charter_draft",
    "found",
    "judge_join_untrusted",
    "label_draft",
    "make_invite",
    "make_proof",
    "may_read",
    "parse_token",
    "verify_proof_untrusted",
]
