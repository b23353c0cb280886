# Sourced by the buildspecs: uv, and the packages of uv.lock. What the build's image has already is taken from there.
export UV_PYTHON_DOWNLOADS=never
if ! command -v uv > /dev/null; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        "uv==$(sed -n 's/^UV = "\(.*\)"$/\1/p' scripts/setup.py)"
fi
# An image may offer a folder in which environments stay from build to build. Each project has its own there, since
# builds of different projects run side by side.
if [ -n "${BUILD_ENVIRONMENTS:-}" ]; then
    export UV_PROJECT_ENVIRONMENT="$BUILD_ENVIRONMENTS/${CODEBUILD_BUILD_ID%%:*}"
fi
uv sync --frozen --no-dev --quiet --python python3
