#!/usr/bin/env bash
# Installs the real servers and tools that tests use. Debian packages as root; clients of others into a cache folder.
# Safe to run again: what is there is left alone. What cannot be had is said; its tests are then skipped aloud.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/godocker-test"
mkdir -p "$cache"
missing=()

# --- Debian packages, by what needs them -----------------------------------------------------------------------------
docker_packages=(docker.io iptables busybox-static)   # containers, and an image to run in them
alignment_packages=(bowtie2 bowtie2-examples samtools) # examples/alignment
page_packages=(chromium)                               # the pages, in a real browser
zookeeper_packages=(zookeeper default-jre-headless)    # masters behind zk://
clock_packages=(faketime)                              # wall clocks that jump
monitor_packages=(prometheus influxdb etcd-server)     # metrics, accounting, presence
mongo_packages=(default-jdk-headless maven)            # the stand-in for MongoDB, where there is no mongod
directory_packages=(slapd openssl)                     # people of a directory
redis_packages=(redis-server redis-sentinel)          # what processes tell each other
# A machine may have both from elsewhere.
if command -v mongod > /dev/null || { command -v javac > /dev/null && command -v mvn > /dev/null; }; then mongo_packages=(); fi
packages=("${docker_packages[@]}" "${alignment_packages[@]}" "${page_packages[@]}" "${zookeeper_packages[@]}" "${clock_packages[@]}" "${monitor_packages[@]}" "${mongo_packages[@]}" "${redis_packages[@]}" "${directory_packages[@]}")

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
  local wanted=() package
  for package in "${packages[@]}"; do installed "$package" || wanted+=("$package"); done
  if [ ${#wanted[@]} -eq 0 ]; then
    echo "Debian packages: all there"
  elif [ "$(id -u)" -ne 0 ]; then
    missing+=("Debian packages ${wanted[*]} (not root; run: sudo apt-get install ${wanted[*]})")
  else
    echo "Debian packages: installing ${wanted[*]}"
    # Tests start servers of their own: at run level 1 packages start none.
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
           apt-get install -qq -y --no-install-recommends "${wanted[@]}"; } > "$cache/apt.log" 2>&1
    then echo "Debian packages: installed"
    else
      tail -n 5 "$cache/apt.log"
      missing+=("Debian packages ${wanted[*]} (apt-get failed, see $cache/apt.log)")
    fi
  fi
}

# --- Clients of others, each in a folder of the cache named after what it was made from ------------------------------
fingerprint() { cat "$@" | sha256sum | cut -c1-12; }

# make_once NAME FOLDER COMMAND…: runs COMMAND FOLDER unless an earlier run completed; a half-made folder is made anew.
make_once() {
  local name="$1" folder="$2"
  shift 2
  if [ -e "$folder/.ready" ]; then
    echo "$name: there"
    return
  fi
  echo "$name: making"
  rm -rf "$folder" && mkdir -p "$folder"
  if "$@" "$folder" > "$folder/make.log" 2>&1; then
    touch "$folder/.ready"
  else
    tail -n 5 "$folder/make.log"
    missing+=("$name (see $folder/make.log)")
  fi
}

# first_python VERSION…: a Python of one of these versions that really starts; pyenv keeps several side by side.
first_python() {
  local version candidate
  for version in "$@"; do
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version"; do
      if "$candidate" -c '' > /dev/null 2>&1; then
        command -v "$candidate"
        return
      fi
    done
  done
  return 1
}

make_mesos_go() {
  cp test/clients/mesos-go/go.mod test/clients/mesos-go/main.go "$1"
  [ ! -e test/clients/mesos-go/go.sum ] || cp test/clients/mesos-go/go.sum "$1"
  (cd "$1" && GOFLAGS=-mod=mod go build -o client .)
}

make_venv() {
  local python="$1" requirements="$2" folder="$3"
  "$python" -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --requirement "$requirements"
}

make_mesos_framework() {
  cp test/clients/mesos-framework/package.json "$1"
  (cd "$1" && npm install --no-audit --no-fund --ignore-scripts)
}

make_mongo_stand_in() {
  cp test/clients/mongo-stand-in/pom.xml "$1"
  mvn --quiet --batch-mode --file "$1/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$1/lib"
  javac -cp "$1/lib/*" -d "$1/classes" test/clients/mongo-stand-in/MongoStandIn.java
}

# The original command line writes bytes into JSON under Python 3 and needs click 6: Python 2.7 is its home.
make_original_cli() {
  local python="$1" folder="$2"
  "$python" -m virtualenv --version > /dev/null 2>&1 || "$python" -m pip install --quiet virtualenv
  "$python" -m virtualenv --quiet "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --requirement test/clients/original-cli/requirements.txt
}

install_clients() {
  local python
  if command -v go > /dev/null; then
    make_once "mesos-go client" "$cache/mesos-go-$(fingerprint test/clients/mesos-go/*)" make_mesos_go
  else
    missing+=("mesos-go client (no Go)")
  fi
  # http_parser, which pymesos needs, does not compile on later versions.
  if python=$(first_python 3.10 3.9 3.8); then
    make_once "pymesos" "$cache/pymesos-$(fingerprint test/clients/pymesos/requirements.txt)" \
      make_venv "$python" test/clients/pymesos/requirements.txt
  else
    missing+=("pymesos (no Python 3.8 to 3.10)")
  fi
  if python=$(first_python 3.11 3.12 3.13 3.10); then
    make_once "mesoshttp" "$cache/mesoshttp-$(fingerprint test/clients/mesoshttp/requirements.txt)" \
      make_venv "$python" test/clients/mesoshttp/requirements.txt
  else
    missing+=("mesoshttp (no Python 3.10 to 3.13)")
  fi
  if python=$(first_python 3.11 3.12 3.13 3.10); then
    make_once "schemathesis" "$cache/schemathesis-$(fingerprint test/clients/schemathesis/requirements.txt)" \
      make_venv "$python" test/clients/schemathesis/requirements.txt
  else
    missing+=("schemathesis (no Python 3.10 to 3.13)")
  fi
  make_once "mesos-framework" "$cache/mesos-framework-$(fingerprint test/clients/mesos-framework/package.json)" \
    make_mesos_framework
  if command -v mongod > /dev/null; then
    echo "MongoDB: there"
  elif command -v javac > /dev/null && command -v mvn > /dev/null; then
    make_once "stand-in for MongoDB" "$cache/mongo-stand-in-$(fingerprint test/clients/mongo-stand-in/*)" make_mongo_stand_in
  else
    missing+=("stand-in for MongoDB (no JDK, or no Maven)")
  fi
  if python=$(first_python 2.7); then
    make_once "original GoDocker command line" \
      "$cache/original-cli-$(fingerprint test/clients/original-cli/requirements.txt)" make_original_cli "$python"
  else
    missing+=("original GoDocker command line (no Python 2.7)")
  fi
}

if command -v dpkg-query > /dev/null; then install_packages; else missing+=("Debian packages (not a Debian)"); fi
install_clients

if [ ${#missing[@]} -gt 0 ]; then
  printf '\nNot available here, so its tests will be skipped:\n'
  printf '  %s\n' "${missing[@]}"
fi
