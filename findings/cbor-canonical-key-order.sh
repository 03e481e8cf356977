#!/usr/bin/env bash
# "Canonical" in Python's cbor2 is the key order of RFC 7049, in JavaScript that of RFC 8949.
#
# RFC 7049 section 3.9 puts shorter keys first; RFC 8949 section 4.2.1 compares the encoded bytes, so
# that every integer goes before every text.  With keys of one type the two orders agree, which is what
# tests of such encoders have; with both (CWT and COSE claims beside text, say) they differ: 1000 goes
# behind -1 and "z" in Python's cbor2 (canonical=True), before them in cborg and in cbor2 for Node.  A
# hash or a signature made by one is refused by the other.  What helps: fixed arrays, or keys of one type.
#
# Seen: cbor2 for Python 6.2.1, cborg 6.1.5, cbor2 for Node 2.3.0 (preset for RFC 8949).
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv probe
probe/bin/python -m pip install --quiet --disable-pip-version-check 'cbor2==6.2.1' 2>/dev/null
npm install --silent --no-audit --no-fund --no-package-lock cborg@6.1.5 cbor2@2.3.0 >/dev/null
cat >probe.mjs <<'JS'
import * as cborg from 'cborg';
import { cdeEncodeOptions, encode } from 'cbor2';
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const mixed = new Map([['aa', 1], [1000, 2], ['z', 3], [-1, 4]]);
const texts = new Map([['aa', 1], ['z', 2], ['b', 3]]);
for (const map of [mixed, texts]) {
  console.log(hex(cborg.encode(map, cborg.rfc8949EncodeOptions)), hex(encode(map, cdeEncodeOptions)));
}
JS
cat >probe.py <<'PY'
import cbor2

for map_ in ({"aa": 1, 1000: 2, "z": 3, -1: 4}, {"aa": 1, "z": 2, "b": 3}):
    print(cbor2.dumps(map_, canonical=True).hex())
PY
javascript=$(node probe.mjs)
python=$(probe/bin/python probe.py)
printf 'mixed keys, then texts alone\nJavaScript (cborg cbor2):\n%s\nPython (cbor2):\n%s\n' "$javascript" "$python"
bytewise=a41903e8022004617a0362616101
shorter_first=a42004617a031903e80262616101
texts=a3616203617a0262616101
[ "$javascript" = "$bytewise $bytewise
$texts $texts" ]
[ "$python" = "$shorter_first
$texts" ]
