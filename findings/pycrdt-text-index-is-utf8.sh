#!/usr/bin/env bash
# pycrdt counts positions of a Text in UTF-8 bytes, and an insert inside a character goes to the end.
#
# Python counts code points and Yjs UTF-16 units; pycrdt counts bytes, in len() as in insert().  A
# position that is right in Python or in a browser lies inside a character behind the first one that is
# not ASCII; nothing is raised then, and the text is put at the end of the document.
#
# Seen: pycrdt 0.14.13.  For "a", U+1F600, "b": len is 6; insert(2), (3) and (4) append; insert(5) puts
# before "b".
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv probe
probe/bin/python -m pip install --quiet --disable-pip-version-check 'pycrdt==0.14.13' 2>/dev/null
cat >probe.py <<'PY'
from pycrdt import Doc, Text

TEXT = "a\U0001f600b"


def inserted(at: int) -> str:
    text = Doc().get("t", type=Text)
    text += TEXT
    text.insert(at, "X")
    return str(text)


text = Doc().get("t", type=Text)
text += TEXT
print("len", len(text), "of", len(TEXT), "code points;", [inserted(at) for at in range(6)])
assert len(text) == len(TEXT.encode()) == 6
assert [inserted(at) for at in (2, 3, 4)] == [TEXT + "X"] * 3
assert inserted(5) == "a\U0001f600Xb"
PY
probe/bin/python probe.py
