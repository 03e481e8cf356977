"""Membership: who founded a scope, who may read and write it, and how one gets in.

Holds charters, admissions, invites, and the one function that decides who may see a scope.
Must never contain I/O, a clock or entropy: times, nonces and seeds are arguments.
"""

from ._charter import Admission as Admission
from ._charter import Charter as Charter
from ._charter import MemberRole as MemberRole
from ._charter import admit_draft as admit_draft
from ._charter import charter_draft as charter_draft
from ._charter import commitment_to as commitment_to
from ._charter import found as found
from ._charter import label_draft as label_draft
from ._charters import Charters as Charters
from ._charters import readers as readers
from ._cuts import Vector as Vector
from ._invite import Grant as Grant
from ._invite import InviteToken as InviteToken
from ._invite import SignedGrant as SignedGrant
from ._invite import make_invite as make_invite
from ._invite import make_proof as make_proof
from ._invite import parse_token as parse_token
from ._invite import verify_proof_untrusted as verify_proof_untrusted
from ._join import NOT_HERE as NOT_HERE
from ._join import JoinDecision as JoinDecision
from ._join import judge_join_untrusted as judge_join_untrusted
from ._limits import ADDRESSES_MAX as ADDRESSES_MAX
from ._membership import Membership as Membership
from ._roles import Member as Member
from ._statements import Cutoff as Cutoff
from ._statements import Cutoffs as Cutoffs
from ._statements import Epoch as Epoch
from ._statements import Revoke as Revoke
from ._statements import SetRole as SetRole
from ._statements import epoch_draft as epoch_draft
from ._statements import leave_draft as leave_draft
from ._statements import revoke_draft as revoke_draft
from ._statements import revoke_drafts as revoke_drafts
from ._statements import set_role_draft as set_role_draft

__all__ = [
    "ADDRESSES_MAX",
    "NOT_HERE",
    "Admission",
    "Charter",
    "Charters",
    "Cutoff",
    "Cutoffs",
    "Epoch",
    "Grant",
    "InviteToken",
    "JoinDecision",
    "Member",
    "MemberRole",
    "Membership",
    "Revoke",
    "SetRole",
    "SignedGrant",
    "Vector",
    "admit_draft",
    "charter_draft",
    "commitment_to",
    "epoch_draft",
    "found",
    "judge_join_untrusted",
    "label_draft",
    "leave_draft",
    "make_invite",
    "make_proof",
    "parse_token",
    "readers",
    "revoke_draft",
    "revoke_drafts",
    "set_role_draft",
    "verify_proof_untrusted",
]
