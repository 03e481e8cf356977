#!/usr/bin/env bash
# Integers in a Yjs document change their type between pycrdt and Yjs, three ways by their size.
#
# The encoding of Yjs has integers of 32 bits, floats and big integers.  pycrdt writes a Python int up to
# 2**53 as a number and reads every number back as a float, its own too: 1 becomes 1.0.  Above 2**53 it
# writes a big integer, reads that back as int, and Yjs gives a BigInt; but a big integer that Yjs wrote
# for 2n**40n is read as a float by pycrdt.  And 2**63 - 1 arrives in Yjs as a Number that has lost its
# last digits, although the one before last arrived as a BigInt.  Who hashes or compares values must
# not leave numbers to the document.
#
# Seen: pycrdt 0.14.13 and yjs 13.6.33.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv probe
probe/bin/python -m pip install --quiet --disable-pip-version-check 'pycrdt==0.14.13' 2>/dev/null
npm install --silent --no-audit --no-fund --no-package-lock yjs@13.6.33 >/dev/null
cat >write.py <<'PY'
from pycrdt import Doc, Map

doc = Doc()
numbers = doc.get("m", type=Map)
numbers["one"], numbers["above53"], numbers["max63"] = 1, 2**53 + 1, 2**63 - 1
print("pycrdt reads its own:", repr(numbers["one"]), repr(numbers["above53"]), repr(numbers["max63"]))
assert type(numbers["one"]) is float and type(numbers["above53"]) is int
open("python.bin", "wb").write(doc.get_update())
PY
cat >pass.mjs <<'JS'
import fs from 'node:fs';
import * as Y from 'yjs';
const doc = new Y.Doc(), mine = new Y.Doc();
Y.applyUpdate(doc, fs.readFileSync('python.bin'));
const read = ['one', 'above53', 'max63'].map((key) => doc.getMap('m').get(key));
console.log('Yjs reads:', read.map((value) => `${typeof value} ${value}`).join(', '));
if (read.map((value) => typeof value).join() !== 'number,bigint,number') process.exit(1);
if (String(read[2]) === '9223372036854775807') process.exit(1);
mine.getMap('m').set('big', 2n ** 40n);
fs.writeFileSync('javascript.bin', Y.encodeStateAsUpdate(mine));
JS
cat >read.py <<'PY'
from pycrdt import Doc, Map

doc = Doc()
numbers = doc.get("m", type=Map)
doc.apply_update(open("javascript.bin", "rb").read())
print("pycrdt reads 2n**40n:", repr(numbers["big"]))
assert type(numbers["big"]) is float
PY
probe/bin/python write.py
node pass.mjs
probe/bin/python read.py
