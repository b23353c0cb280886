"""Register the workshop's ``.venv`` as a kernel, show JupyterLab its widgets, and offer the space's AWS account.

The second half of scripts/studio.sh, run by the Python of ``.venv``; ``--undo`` needs the standard library alone.
Everything is written below the user's Jupyter folder and into ``workshop.toml``, and only that is taken back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from contract import kernel  # noqa: E402 - of this folder, whatever is installed

SETTINGS = ROOT / "workshop.toml"
BEFORE = ROOT / ".tools" / "studio-kernel.json"
"""What ``workshop.toml`` said before this changed it."""
WIDGETS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")
"""The front-end modules behind the prompt studio, the inspector and the quizzes."""


def say(text: str) -> None:
    print(f"studio-kernel: {text}", flush=True)


def register() -> None:
    """A kernel of this user's that starts the Python of ``.venv``."""
    before = kernel.registered()
    if before is not None and not kernel.is_ours(before):
        say(f'the kernel "{kernel.DISPLAY_NAME}" was that of {before.parent.parent.parent}; now it is this folder\'s')
    command = [sys.executable, "-m", "ipykernel", "install", "--user", "--name", kernel.NAME]
    done = subprocess.run([*command, "--display-name", kernel.DISPLAY_NAME], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"studio-kernel stopped: the kernel could not be registered: {done.stderr.strip()[-400:]}")
    say(f'kernel "{kernel.DISPLAY_NAME}": Python {sys.version.split()[0]} of {kernel.VENV}')


def version(module: Path) -> str:
    """Of a front-end module; empty when it is not there."""
    try:
        return str(json.loads((module / "package.json").read_text(encoding="utf-8")).get("version", ""))
    except (OSError, ValueError):
        return ""


def server_folders() -> list[Path]:
    """Where the JupyterLab of this machine, not that of ``.venv``, finds front-end modules, the user's own apart."""
    ours = str(kernel.VENV / "bin")
    path = os.pathsep.join(folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder != ours)
    jupyter = shutil.which("jupyter", path=path)
    if jupyter is None:
        return []
    done = subprocess.run([jupyter, "--paths", "--json"], capture_output=True, text=True)
    try:
        data = json.loads(done.stdout)["data"]
    except (ValueError, KeyError):
        return []
    return [Path(folder) / "labextensions" for folder in data if Path(folder) != kernel.data_folder()]


def link_widgets() -> None:
    """Link the widgets' front-end modules to where every JupyterLab of this user looks, unless it has them."""
    others, home = server_folders(), kernel.data_folder() / "labextensions"
    for name in WIDGETS:
        ours = kernel.VENV / "share" / "jupyter" / "labextensions" / name
        wanted = version(ours).split(".")[:2]  # of another minor version they do not find each other
        found = [version(folder / name) for folder in others if version(folder / name)]
        link = home / name
        if found and found[0].split(".")[:2] == wanted:
            say(f"widgets: {name} {found[0]} is in the image")
            continue
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            say(f"widgets: {link} is not a link of ours and stays as it is")
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ours, target_is_directory=True)
        say(f"widgets: {name} {version(ours)} linked into {home}")


def notebooks(sign: bool) -> None:
    """Mark the workshop's notebooks, as they are now, as trusted by this user, or take that back.

    A notebook that was cloned is not trusted, and JupyterLab shows no widgets in it until a cell has run; with Jupyter
    Server Documents, as in SageMaker Distribution 4.4.1, not even then. What is trusted holds no outputs.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    folder = kernel.data_folder()
    if not (sign or folder.exists()):
        return  # nothing is trusted
    folder.mkdir(parents=True, exist_ok=True)
    notary = NotebookNotary(data_dir=str(folder))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if not sign:
            notary.unsign(notebook)
        elif not any(cell.get("outputs") for cell in notebook.cells):  # what somebody has run is for them to trust
            notary.sign(notebook)
    say("notebooks: trusted, so that their widgets show at once" if sign else "notebooks: no longer trusted")


def undo() -> None:
    """Remove the kernel and the links if they are this folder's, and put the target back if this had changed it."""
    python, folder = kernel.registered(), kernel.data_folder() / "kernels" / kernel.NAME
    if folder.exists() and (python is None or kernel.is_ours(python)):
        shutil.rmtree(folder)
        say(f'kernel "{kernel.DISPLAY_NAME}" removed')
    for name in WIDGETS:
        link = kernel.data_folder() / "labextensions" / name
        if link.is_symlink() and kernel.VENV in link.readlink().parents:
            link.unlink()
            say(f"widgets: link to {name} removed")
    with contextlib.suppress(ImportError):  # .venv is gone already
        notebooks(False)
    if BEFORE.exists():
        before = json.loads(BEFORE.read_text(encoding="utf-8"))
        try:
            write_target(before["target"], before["region"])
            BEFORE.unlink()
        except ImportError:  # .venv is gone already
            say(f'workshop.toml is as it is; before it said target = "{before["target"]}"')
    say("the set-up itself is in .venv and .tools of this folder: rm -rf .venv .tools")


def write_target(target: str, region: str) -> None:
    """Set both in ``workshop.toml`` and nothing else of it."""
    from contract import settings
    from helpers.delivery import edit_settings

    held = settings.load(SETTINGS, {}).workshop
    if (held.target, held.region) != (target, region):
        if not BEFORE.exists():
            BEFORE.parent.mkdir(exist_ok=True)
            BEFORE.write_text(json.dumps({"target": held.target, "region": held.region}), encoding="utf-8")
        edit_settings.change(SETTINGS, workshop={"target": target, "region": region})
    say(f'workshop.toml: target = "{target}", region = "{region}"')


def caller() -> tuple[str, str] | None:
    """ARN and region of this space's credentials; None without any, or when AWS does not answer within seconds."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from helpers.target import space

    here = space.find()
    try:
        session = boto3.Session()
        region = session.region_name or (here.region if here else "")
        if not region:
            return None
        identity = session.client("sts", region_name=region, config=space.QUICK).get_caller_identity()
    except (BotoCoreError, ClientError):
        return None
    return identity["Arn"], region


def choose_target(wanted: str | None) -> None:
    """Say where the notebooks will build; change it only when told to, by ``--target`` or by a person's yes."""
    from contract import settings

    held = settings.load(SETTINGS, {}).workshop
    found = None if wanted == "local" else caller()
    if wanted == "aws" and found is None:
        sys.exit(
            "studio-kernel stopped: --target aws needs AWS credentials and a region, and none were found (or AWS did "
            "not answer). Kernel and widgets are ready; workshop.toml is as it was."
        )
    if wanted is None and held.target == "local" and found is not None:
        say(f"these credentials could build in AWS: {found[0]}, region {found[1]}")
        say("the notebooks build in the local cloud inside this space, where nothing more is billed than the space")
        if sys.stdin.isatty() and input('Build in AWS instead, where it costs money? "yes" or Enter: ') == "yes":
            wanted = "aws"
    if wanted is not None:
        write_target(wanted, found[1] if found and wanted == "aws" else held.region)
    elif held.target == "local":
        say('target = "local"; to build in AWS later: make studio-kernel ARGS="--target aws"')
    else:
        say(f'target = "{held.target}", region {held.region}; back: make studio-kernel ARGS="--target local"')
    named = [name for name in ("WORKSHOP_WORKSHOP_TARGET", "WORKSHOP_WORKSHOP_REGION") if os.environ.get(name)]
    if named:
        say(f"note: {' and '.join(named)} in this shell's environment go before workshop.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=("local", "aws"), help="where the notebooks build; by default as it is")
    parser.add_argument("--undo", action="store_true", help="take kernel, widgets and target back")
    parser.add_argument("--small-disk", action="store_true", help="of scripts/studio.sh")
    chosen = parser.parse_args()
    if chosen.undo:
        undo()
        return
    register()
    link_widgets()
    notebooks(True)
    choose_target(chosen.target)
    say(f'now reload the browser tab, open notebooks/00_start_here.ipynb and choose "{kernel.DISPLAY_NAME}"')


if __name__ == "__main__":
    main()
