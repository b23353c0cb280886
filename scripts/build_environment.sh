# Sourced by the buildspecs: uv, and the packages of uv.lock. What the build's image has already is taken from there.
export UV_PYTHON_DOWNLOADS=never
if ! command -v uv > /dev/null; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        "uv==$(sed -n 's/^UV = "\(.*\)"$/\1/p' scripts/setup.py)"
fi
# Not the project itself: a build runs in its folder, where Python finds it.
sync="uv sync --frozen --no-dev --no-install-project --quiet --python python3"
# An image may offer a folder in which environments stay from build to build, one for each lock file and Python. Builds
# of different projects run side by side, and uv locks a project, not an environment: the second waits for the first here.
if [ -n "${BUILD_ENVIRONMENTS:-}" ]; then
    UV_PROJECT_ENVIRONMENT="$BUILD_ENVIRONMENTS/$( (python3 --version; cat uv.lock) | sha256sum | cut -c1-16)"
    export UV_PROJECT_ENVIRONMENT
    mkdir -p "$BUILD_ENVIRONMENTS"
    python3 -c 'import fcntl, subprocess, sys
with open(sys.argv[1], "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    sys.exit(subprocess.call(sys.argv[2:]))' "$UV_PROJECT_ENVIRONMENT.lock" $sync
else
    $sync
fi
