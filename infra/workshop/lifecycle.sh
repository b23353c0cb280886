#!/usr/bin/env bash
# Runs whenever a participant's JupyterLab space starts, and returns at once. What takes minutes runs in the background
# and writes ~/workshop-setup.log; the last line says whether the workshop is ready. A second start finds it ready.
# AWS ends a lifecycle script after 5 minutes, and lets it have 16,384 characters (in base64):
# https://docs.aws.amazon.com/sagemaker/latest/dg/studio-lifecycle-configurations-debug-timeout.html
set -eu
export HOME="${HOME:-/home/sagemaker-user}" PATH="$PATH:/opt/conda/bin"

mkdir -p "$HOME/.workshop"
# Put in its place whole: a set-up that still runs reads on in the old one.
cat > "$HOME/.workshop/setup.sh.$$" << 'END_OF_SETUP'
#!/usr/bin/env bash
# Clones the workshop once and sets it up. Safe to repeat: bash ~/.workshop/setup.sh
set -euo pipefail
repository='@REPOSITORY@'
branch='@BRANCH@'
target='@TARGET@'
name='@NAME@'
clone="$HOME/async-genai-workshop"
chosen="$HOME/.workshop/chosen"
metadata="${WORKSHOP_METADATA:-/opt/ml/metadata/resource-metadata.json}"
export GIT_TERMINAL_PROMPT=0  # a repository that asks for a password is one that cannot be cloned here

exec 9> "$HOME/.workshop/lock"
if ! flock --nonblock 9; then
  echo "The set-up is running already; this file grows while it does."
  exit 0
fi

began="$SECONDS"
ended() {
  status="$?"
  if [ "$status" -eq 0 ]; then
    echo "READY after $((SECONDS - began)) s. Open async-genai-workshop/notebooks/00_start_here.ipynb,"
    echo "and choose the kernel \"Async GenAI workshop\" (reload this browser tab if it is not in the list)."
  else
    echo "FAILED (exit status $status); the reason is above. Repeat it in a terminal: bash ~/.workshop/setup.sh"
  fi
}
trap ended EXIT

cloned() {
  rm -rf "$clone.part"
  # Not shallow: CodeCommit refuses a push from a shallow clone, and notebook 01 pushes.
  git clone --quiet --branch "$branch" "$repository" "$clone.part" && mv "$clone.part" "$clone"
}

echo "Setting up the workshop, $(date -u '+%Y-%m-%d %H:%M:%S') UTC. This takes 2 to 5 minutes the first time."
if [ ! -d "$clone/.git" ]; then
  for attempt in 1 2 3; do
    if cloned; then
      break
    elif [ "$attempt" -eq 3 ]; then
      echo "$repository could not be cloned (branch $branch). Does it exist, and may this space read it?"
      exit 1
    fi
    sleep "$((attempt * ${WORKSHOP_RETRY_SECONDS:-5}))"
  done
  echo "cloned $repository, branch $branch"
fi

cd "$clone"
if [ -e "$chosen" ]; then
  bash scripts/studio.sh < /dev/null
else
  # The first time only: what a participant changes in workshop.toml later is theirs.
  bash scripts/studio.sh --target "$target" < /dev/null
  # In an account that several participants share, each space is named after its workshop, and its role too.
  space="$(sed -n 's/.*"SpaceName" *: *"\([a-z0-9-]*\)".*/\1/p' "$metadata" 2> /dev/null || true)"
  if [[ "$space" == "$name" || "$space" =~ ^"$name"-[0-9][0-9]$ ]]; then
    .venv/bin/python - "$space" << 'END_OF_PYTHON'
import sys

from contract.settings import ROOT
from helpers.delivery import edit_settings

edit_settings.change(ROOT / "workshop.toml", workshop={"name": sys.argv[1]})
print(f'workshop.toml: name = "{sys.argv[1]}"')
END_OF_PYTHON
  fi
  touch "$chosen"
fi
END_OF_SETUP
mv -f "$HOME/.workshop/setup.sh.$$" "$HOME/.workshop/setup.sh"

# setsid and nohup: it goes on when this script, and what started it, are gone.
nohup setsid bash "$HOME/.workshop/setup.sh" >> "$HOME/workshop-setup.log" 2>&1 < /dev/null &
echo "The workshop is being set up in the background: see workshop-setup.log in the file browser."
