"""A driver sleeps until the next deadline, calls ``on_tick`` and sleeps again."""

from hypothesis import given
from hypothesis import strategies as st

from engram_sync.sync import Close, Exchange, Timing

from .pairs import OTHER, SCOPE, A, B, Book


@given(
    opened=st.floats(0, 1e6),
    dead_s=st.floats(0.1, 600),
    ping_s=st.floats(5, 600),
    strangers=st.booleans(),
)
def test_a_tick_at_its_deadline_always_moves_on(
    opened: float, dead_s: float, ping_s: float, strangers: bool
) -> None:
    """Else the driver spins: by how floats round, ``now - then`` may stay below a wait that
    ``then + wait`` says is over.
    """
    book = Book(A, OTHER if strangers else SCOPE)
    if strangers:
        book.shelves[OTHER].readers = {A}
        book.publish(OTHER)
    intervals = Timing(ping_s=ping_s, dead_s=dead_s)
    exchange = Exchange(B, book.views, now=opened, intervals=intervals)
    exchange.open()
    now = opened
    effects = exchange.on_tick(now)
    while not any(isinstance(effect, Close) for effect in effects):
        assert exchange.next_deadline() > now
        now = exchange.next_deadline()
        effects = exchange.on_tick(now)
