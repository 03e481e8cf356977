#!/usr/bin/env bash
# python-zeroconf sees a DNS-SD service with a dot in its name, and asks for another one.
#
# An instance name is one DNS label of free text, dots included (RFC 6763 section 4.1.1); people name
# machines and services "Ann's v1.2".  zeroconf keeps names as text without escapes and splits them at
# every dot when it writes: the pointer of such a service is reported to a browser, and the question for
# its address then names other labels, which nobody answers.  Its own announcement of such a name goes
# out as other labels too, so two zeroconfs understand each other and hide it.  What helps: announce
# names without dots, and take addresses from what came with the pointer.
#
# Seen: zeroconf 0.154.0, read and written against dnspython 2.9.2.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv probe
probe/bin/python -m pip install --quiet --disable-pip-version-check \
    'zeroconf==0.154.0' 'dnspython==2.9.2' 2>/dev/null
cat >probe.py <<'PY'
import dns.flags
import dns.message
import dns.name
import dns.rrset
from zeroconf import DNSIncoming, DNSOutgoing, DNSQuestion, const

service = dns.name.from_text("_x._tcp.local.")
instance = dns.name.Name((b"Ann's v1.2", *service.labels))
response = dns.message.Message(id=0)
response.flags = dns.flags.QR | dns.flags.AA
response.answer.append(dns.rrset.from_text(service, 4500, "IN", "PTR", instance.to_text()))

seen = DNSIncoming(response.to_wire()).answers()[0].alias
query = DNSOutgoing(const._FLAGS_QR_QUERY)
query.add_question(DNSQuestion(seen, const._TYPE_SRV, const._CLASS_IN))
asked = dns.message.from_wire(query.packets()[0]).question[0].name

print("announced", instance.labels)
print("seen as  ", seen)
print("asked for", asked.labels)
assert seen == "Ann's v1.2._x._tcp.local."
assert asked.labels[:2] == (b"Ann's v1", b"2") and asked != instance
PY
probe/bin/python probe.py
