#!/usr/bin/env bash
# Installs the real servers and tools that tests use. Debian, as root; elsewhere it says what it leaves out.
set -euo pipefail
echo "nothing to install yet"
