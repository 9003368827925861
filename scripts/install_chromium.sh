#!/bin/sh
# Puts Debian's Chromium in place for the studio's tests, unless there is one. CHROMIUM names another.
set -eu
if [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  exit 0
fi
sudo=
if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
echo "Installing Chromium for the studio's tests …"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
