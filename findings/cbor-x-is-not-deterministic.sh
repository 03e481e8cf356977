#!/usr/bin/env bash
# cbor-x, the fastest CBOR library of JavaScript, writes nothing that a deterministic decoder takes.
#
# With its defaults it writes maps with a length of two bytes even when they have three entries, keys as
# they came, whole numbers from 2**32 on as floats, floats always in eight bytes, and a Uint8Array with
# tag 64 in front.  RFC 8949 section 4.2.1 asks for the shortest form of each.  Whatever is signed or
# hashed over deterministic CBOR must be written by another library there (cborg, cbor2 for Node).
#
# Seen: cbor-x 1.6.9.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --no-package-lock cbor-x@1.6.9 >/dev/null
cat >probe.mjs <<'JS'
import { encode } from 'cbor-x';
const hex = (value) => Buffer.from(encode(value)).toString('hex');
const seen = [hex({ b: 1, aa: 2, a: 3 }), hex(2 ** 32), hex(1.5), hex(new Uint8Array([1, 2]))];
const shortest = ['a361610361620162616102', '1b0000000100000000', 'f93e00', '420102'];
console.log('cbor-x  ', seen.join(' '));
console.log('shortest', shortest.join(' '));
process.exit(seen.some((text, i) => text === shortest[i]) ? 1 : 0);
JS
node probe.mjs
