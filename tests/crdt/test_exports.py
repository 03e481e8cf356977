"""What the package shows is what it means to show."""

import engram_crdt


def test_all_names_what_can_be_imported() -> None:
    assert len(set(engram_crdt.__all__)) == len(engram_crdt.__all__)
    public = {name for name in vars(engram_crdt) if not name.startswith("_")}
    assert public == set(engram_crdt.__all__)
