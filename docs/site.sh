#!/bin/sh
# Builds the site build/site from the documents. Run by `make site`. A broken link is an error.
#
# Exit codes: 0 it is built, 3 mkdocs or its theme is missing.
set -eu
cd "$(dirname "$0")/.."
missing() {
	echo "$0: $1 is missing; as root: apt-get install --no-install-recommends mkdocs mkdocs-material" >&2
	exit 3
}
command -v mkdocs >/dev/null || missing mkdocs
# mkdocs takes one folder. The copy has the layout of the repository, so that the links are right.
from=build/site-src
rm -rf $from
mkdir -p $from/docs $from/scripts/examples
cp ./*.md LICENSE $from
cp docs/*.md docs/*.svg docs/*.css docs/*.json docs/*.service $from/docs
cp scripts/examples/*.lua $from/scripts/examples
status=0
out=$(mkdocs build --quiet --strict --config-file docs/mkdocs.yml 2>&1) || status=$?
case $out in
*"Unrecognised theme"*) missing "mkdocs's theme material" ;;
esac
# Without an error, the output is warnings about mkdocs's own code.
[ $status = 0 ] || echo "$out" >&2
exit $status
