"""What ``status`` says while other things happen."""

from engram_sync.node._core import Core

from .village import Village


async def test_status_can_be_asked_while_a_join_is_between_its_commit_and_its_effects(
    village: Village, autojump_clock: object
) -> None:
    async with village.open("a") as a, village.open("b") as b:
        core: Core = b._core
        left = core.facts.agent_scope
        await b.join(await a.invite())
        # As before its publication; the scope that nobody else shares and nothing else looks at.
        view = core.scopes.pop(left)
        shown = {scope.id for scope in (await b.status()).scopes}
        core.scopes[view.scope] = view
        assert shown == {s.id for s in (await b.status()).scopes} - {view.scope.hex()}
