#!/usr/bin/env bash
# Prepare a JupyterLab space of SageMaker Studio for the workshop: `make studio-kernel`, or this file by itself.
#
#   scripts/studio.sh                     set-up, kernel, widgets; asks before it changes anything else
#   scripts/studio.sh --target aws        besides, let the notebooks build in this space's AWS account (or: local)
#   scripts/studio.sh --small-disk        go on although the disk has less than 20 GB
#   scripts/studio.sh --undo              take kernel, widgets and target back
#
# Safe to run again: what is there already is left alone. Works in any JupyterLab whose kernels are this user's.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A volume of 20 GB shows somewhat less once it is formatted.
readonly WANTED_GB=20 SMALLEST_KB=$((18 * 1024 * 1024))

stop() {
  printf 'studio-kernel stopped: %s\n' "$1" >&2
  exit 1
}

find_python() {
  local candidate own
  # An environment that works keeps its Python: another would make all of it again.
  own="$(.venv/bin/python -c 'import sys; print(sys._base_executable)' 2> /dev/null || true)"
  for candidate in "${PYTHON:-}" "$own" python3 python3.12 python3.13 python3.11; do
    if [[ -n "$candidate" ]] && "$candidate" -c \
      'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
}

small_disk=no
undo=no
for argument in "$@"; do
  case "$argument" in
    --small-disk) small_disk=yes ;;
    --undo) undo=yes ;;
  esac
done

python="$(find_python)"
[[ -n "$python" ]] || stop "there is no Python 3.11 to 3.13 on the PATH ($(python3 --version 2>&1 || true)). In \
SageMaker Studio, choose an image of SageMaker Distribution 2 or newer when you start the space; elsewhere install \
one, and name it: PYTHON=/path/to/python3.12 scripts/studio.sh"

if [[ "$undo" == yes ]]; then
  .venv/bin/python -c '' 2> /dev/null && python=.venv/bin/python
  exec "$python" scripts/studio_kernel.py "$@"
fi

command -v make > /dev/null || stop "make is missing, with which everything in the workshop starts: \
sudo apt-get install make"
command -v git > /dev/null || stop "git is missing, with which notebook 01 pushes: sudo apt-get install git"

read -r size_kb free_kb < <(df -Pk . | awk 'NR == 2 { print $2, $4 }')
if ((size_kb < SMALLEST_KB)) && [[ "$small_disk" == no ]]; then
  stop "this disk has $((size_kb / 1024 / 1024)) GB, and the workshop wants $WANTED_GB (2 for the set-up, up to 5 for \
builds and pictures, the rest is yours). Stop the space, raise its storage to $WANTED_GB GB, run it again and repeat \
this command: files stay. To go on as it is: scripts/studio.sh --small-disk (then do not run the pipeline on the local \
target)."
fi
if [[ ! -d .venv ]] && ((free_kb < 3 * 1024 * 1024)); then
  stop "$((free_kb / 1024)) MB are free here, and the set-up needs 3000: delete what you no longer need, or raise the \
space's storage."
fi

"$python" scripts/setup.py || stop "the set-up did not finish; the reason is above. Repeat this command when it is \
gone: what was installed is kept."
exec .venv/bin/python scripts/studio_kernel.py "$@"
