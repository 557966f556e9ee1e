#!/usr/bin/env bash
# Installs what tests/test_page_browser.py needs: bash tests/browser.sh
# A Chromium without windows, as root on Debian; playwright, in the environment of
# the tests; axe-core, which finds faults of accessibility, from npm. What cannot be
# had is named, and the exit status is 1; the tests that need it are skipped.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

axe=axe-core@4.10.3
lacking=0
lack() {
  echo "browser.sh: $*" >&2
  lacking=1
}

# quietly COMMAND ...: what the command prints is shown only if it fails.
quietly() {
  local output
  output=$("$@" 2>&1 </dev/null) || {
    echo "$output" >&2
    return 1
  }
}

install_chromium() {
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update -q || return
  # Debian 12 and later have Chromium without windows as a package of its own.
  local package=chromium-headless-shell
  apt-cache show "$package" >/dev/null 2>&1 || package=chromium
  quietly apt-get install -q -y --no-install-recommends "$package" fonts-dejavu-core
}

install_axe() {
  local folder status=0
  folder=$(mktemp -d)
  quietly npm pack --silent --pack-destination "$folder" "$axe" &&
    tar -xzf "$folder"/axe-core-*.tgz -C "$folder" package/axe.min.js &&
    mv "$folder/package/axe.min.js" "$1" || status=1
  rm -rf "$folder"
  return "$status"
}

if ! command -v chromium-headless-shell chromium >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_chromium || lack "Chromium cannot be installed"
  else
    lack "no Chromium is installed, which root on Debian can do"
  fi
fi
bash setup_env.sh tests/requirements.txt requirements-models.txt \
  tests/requirements-browser.txt
target=tests/${axe/@/-}.js
if [ ! -f "$target" ]; then
  if command -v npm >/dev/null; then
    install_axe "$target" || lack "npm cannot fetch $axe"
  else
    lack "npm is not installed, which fetches $axe"
  fi
fi
exit "$lacking"
