#!/usr/bin/env bash
# pip before 23.3 does not let a hash-locked `coverage==X` stand for `coverage[toml]`.
#
# A lock made by a universal resolver names each distribution once, without extras.  pytest-cov asks
# for coverage[toml].  With --require-hashes, pip 23.2.1 (which Python 3.11.7 brings) takes the two for
# different requirements and resolves the second anew: as soon as a newer coverage is published, it
# finds that one, which is not in the lock, and ends with "must have their versions pinned with ==".
# pip 23.3 installs the same file.  So a lock that worked for a year stops on the day of somebody
# else's release.  What helps: --no-deps with a complete lock, or the extra in the lock.
#
# Seen: pip 23.2.1 ends with 1, pip 23.3 with 0, for pytest-cov 7.1.0 and coverage 7.10.6.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

python3 -m venv probe
probe/bin/python -m pip install --quiet 'pip==23.2.1' 2>/dev/null

# The lock is made here, from what pip itself downloads.
probe/bin/python -m pip download --quiet --no-deps --only-binary :all: --dest wheels \
    'pytest-cov==7.1.0' 'coverage==7.10.6' 'pytest==8.4.2' 'pluggy==1.6.0' 'iniconfig==2.1.0' \
    'packaging==25.0' 'pygments==2.19.2' 2>/dev/null
for wheel in wheels/*.whl; do
    name=$(basename "$wheel" | cut -d- -f1 | tr _ -)
    version=$(basename "$wheel" | cut -d- -f2)
    echo "$name==$version --hash=sha256:$(sha256sum "$wheel" | cut -d' ' -f1)"
done >lock.txt

old=0
probe/bin/python -m pip install --dry-run --require-hashes -r lock.txt >old.txt 2>&1 || old=$?
grep -o 'coverage\[toml\].*7\.10\.6' old.txt | head -1
probe/bin/python -m pip install --quiet 'pip==23.3' 2>/dev/null
new=0
probe/bin/python -m pip install --dry-run --require-hashes -r lock.txt >new.txt 2>&1 || new=$?

echo "pip 23.2.1: $old, pip 23.3: $new"
[ "$old" -eq 1 ] && [ "$new" -eq 0 ] && grep -q 'pinned with ==' old.txt
