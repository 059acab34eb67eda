#!/bin/sh
# Two programs that npm has and nobody else: a headless Chromium, in which the report is looked at, and Metabase's own
# validator of dashboards as files. Into .tools/npm, once; says what is missing (exit 4) where there is no npm.
#
#   deploy/npm_tools.sh [folder]     ─▶ <folder>/browser/chromium, <folder>/browser/lib, <folder>/node_modules/.bin/representations
set -eu

TOOLS=$(realpath -m "${1:-$(dirname "$0")/../.tools/npm}")
CHROMIUM=@sparticuz/chromium@153.0.0
VALIDATOR=@metabase/representations@1.2.0
READY="$TOOLS/ready-$(printf '%s %s' "$CHROMIUM" "$VALIDATOR" | cksum | cut -d' ' -f1)"

[ -e "$READY" ] && exit 0
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "npm is not installed: apt-get install npm" >&2
  exit 4
fi

# Two workers of a test run may come at once: the second waits. And either may be killed: a folder of its own until it is whole.
mkdir -p "$(dirname "$TOOLS")"
exec 9> "$TOOLS.lock"
flock 9
[ -e "$READY" ] && exit 0
MADE=$(mktemp -d "$TOOLS.XXXXXX")
trap 'rm -rf "$MADE"' EXIT
npm install --prefix "$MADE" --silent --no-save --no-package-lock --no-audit --no-fund --ignore-scripts "$CHROMIUM" "$VALIDATOR" >&2

# The package keeps the browser, and the libraries that a bare Debian lacks, in Brotli, which node can read.
mkdir "$MADE/browser"
unpack() { node -e 'const {createReadStream: r} = require("fs"); r(process.argv[1]).pipe(require("zlib").createBrotliDecompress()).pipe(process.stdout)' "$1"; }
FROM="$MADE/node_modules/@sparticuz/chromium/bin"
unpack "$FROM/chromium.br" > "$MADE/browser/chromium"
unpack "$FROM/al2023.tar.br" | tar -x -C "$MADE/browser"
unpack "$FROM/fonts.tar.br" | tar -x -C "$MADE/browser"
chmod 755 "$MADE/browser/chromium"
rm -rf "$FROM"
touch "$MADE/$(basename "$READY")"

rm -rf "$TOOLS"
mv -T "$MADE" "$TOOLS"
