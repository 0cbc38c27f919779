#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# venv.sh PYTHON DIRECTORY LOCK: a virtual environment with exactly what the lock file pins. Safe to run again.
set -eu
python=$1 directory=$2 lock=$3

if [ -z "$python" ]; then
  echo "No Python 3.11 or newer was found. Install one (Debian, Ubuntu: apt install python3 python3-venv)," >&2
  echo "or name it: make PYTHON=/path/to/python3 ..." >&2
  exit 1
fi

if ! "$directory/bin/python" -c '' >/dev/null 2>&1; then
  echo "Creating $directory with $("$python" --version) ..."
  rm -rf "$directory"
  # Debian ships venv without ensurepip; a pip of the system can serve the new environment instead.
  if ! "$python" -m venv "$directory" >/dev/null 2>&1; then
    rm -rf "$directory"
    if ! { "$python" -m venv --without-pip "$directory" &&
      "$python" -m pip --python "$directory/bin/python" install --quiet --disable-pip-version-check pip; }; then
      rm -rf "$directory"
      echo "$python cannot create a virtual environment (Debian, Ubuntu: apt install python3-venv)." >&2
      exit 1
    fi
  fi
fi

echo "Installing what $lock pins ..."
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$lock"
