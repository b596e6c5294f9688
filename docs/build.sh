#!/bin/sh
# The documentation site: sh docs/build.sh OUT
#
# Needs mehler and its extra `docs` (pip install 'mehler[docs]') on the PATH's python, or on $PYTHON's.
# Fails when a reference leads nowhere, when a page stands in no section, when an example of the reference does not print what it
# says, and when a page asks for anything from elsewhere.
set -eu
out=${1:?usage: sh docs/build.sh OUT}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$python" "$here/lay_out.py" "$work/pages"
"$python" -m sphinx -b html -n -W --keep-going -q -c "$here" -d "$work/trees" "$work/pages" "$out"
"$python" "$here/check_site.py" "$out"
