"""How much a frame may hold, and how a batch is chopped into frames that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    SUPERSEDED_MAX,
    LimitError,
    Record,
    RecordKind,
    Superseded,
    cbor,
    decode_frame_untrusted,
    encode_ids,
    encode_superseded,
    record_bytes,
    split_runs,
)
from tests.wire.parties import (
    frame_of,
    record,
)


def large(seq: int, size: int) -> Record:
    return record(seq, collections=("r/content",), values=("x" * size,))


def test_one_record_may_exceed_what_a_run_may_hold() -> None:
    records = [large(1, 300_000)]
    assert decode_frame_untrusted(frame_of(records)).records == records


def test_several_records_may_not() -> None:
    records = [large(seq, 60_000) for seq in (1, 2, 3)]
    with pytest.raises(ValueError):
        frame_of(records)
    columns = cbor.decode_untrusted(frame_of(records[:2]))
    assert isinstance(columns, list)
    columns[11] = [item.payload for item in [large(1, 90_000), large(2, 90_000)]]
    with pytest.raises(LimitError):
        decode_frame_untrusted(cbor.encode(columns))


def test_the_largest_record_fits_a_message() -> None:
    dots = encode_superseded(
        [Superseded(24, b"%032d" % n, 2**32 - 1) for n in range(SUPERSEDED_MAX)]
    )
    item = record(
        1,
        kind=RecordKind.RESOLVE,
        collections=["r/" + "c" * 62] * 64,
        values=["x" * ((512 << 10) - 100)] + [0] * 63,
        superseded=dots,
        deps=encode_ids([b"%032d" % n for n in range(64)]),
        auth=encode_ids([b"%032d" % n for n in range(8)]),
    )
    data = frame_of([item])
    assert len(data) < (1 << 20) - 1024
    assert decode_frame_untrusted(data).records == [item]


@given(st.lists(st.sampled_from([10, 400, 70_000, 200_000]), max_size=600))
def test_runs_cover_the_batch_and_each_fits_a_frame(sizes: list[int]) -> None:
    records = [record(1)] * len(sizes)
    runs = split_runs(records, sizes)
    assert [len(run) for run in runs if not 0 < len(run) <= 256] == []
    assert sum(map(len, runs)) == len(records)
    at = 0
    for run in runs:
        total = sum(sizes[at : at + len(run)])
        assert total <= 128 << 10 or len(run) == 1
        at += len(run)
        # Greedy: the next record would not have fitted.
        assert at == len(sizes) or len(run) == 256 or total + sizes[at] > 128 << 10


def test_runs_measure_records_themselves_when_no_sizes_are_given() -> None:
    records = [large(seq, 60_000) for seq in range(1, 6)]
    assert split_runs(records) == split_runs(records, [record_bytes(item) for item in records])
    assert [len(run) for run in split_runs(records)] == [2, 2, 1]
