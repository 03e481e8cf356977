#!/usr/bin/env bash
# The same value has two deterministic CBOR encodings, by the language: 1.0 is 01 or f93c00.
#
# JavaScript has one type of number.  Its deterministic encoders (cborg; cbor2 for Node, with its
# preset for RFC 8949's deterministic encoding) write every whole number as an integer, and cborg also
# drops the sign of -0.  Python's cbor2 keeps an int an int and a float a float, which RFC 8949 section
# 4.2.2 leaves to the protocol.  A field such as a confidence of 1.0 that is hashed or signed then differs
# by the language of its author: a protocol must say which of the two it means, and a program in
# JavaScript needs a type of its own for floats.
#
# Seen: cborg 6.1.5, cbor2 for Node 2.3.0, cbor2 for Python 6.2.1.
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
console.log([1.0, 100000.0, -0.0].map((n) => `${hex(cborg.encode(n))} ${hex(encode(n, cdeEncodeOptions))}`).join(', '));
JS
javascript=$(node probe.mjs)
python=$(probe/bin/python -c 'import cbor2
print(", ".join(cbor2.dumps(n, canonical=True).hex() for n in (1.0, 100000.0, -0.0)))')
echo "1.0, 100000.0, -0.0: JavaScript (cborg cbor2): $javascript; Python: $python"
[ "$javascript" = "01 01, 1a000186a0 1a000186a0, 00 f98000" ]
[ "$python" = "f93c00, fa47c35000, f98000" ]
