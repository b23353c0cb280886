from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tarfile

import pytest
from smallworld import bundle

CODE = {
    "inference.py",
    "requirements.txt",
    *(
        f"smallworld/{name}.py"
        for name in (
            "__init__",
            "palette",
            "pictures",
            "prompt",
            "request",
            "response",
            "sample",
            "schedule",
            "upscale",
        )
    ),
}


def members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        found = {}
        for member in tar:
            assert member.isfile()
            assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)
            found[member.name] = tar.extractfile(member).read()
        assert list(found) == sorted(found)
        return found


each_model = pytest.mark.parametrize("entry", bundle.MODELS, ids=lambda entry: entry.variant)


@each_model
def test_the_tarballs_hold_what_belongs_in_them(entry):
    model, source = members(bundle.model_artifact(entry)), members(bundle.source_artifact())
    assert set(model) == {*entry.files, "config.json"}
    assert "text_encoder.onnx" in model
    assert set(source) == CODE
    config = json.loads(model["config.json"])
    assert (config["model_id"], config["variant"], config["version"]) == (entry.id, entry.variant, "1.0.0")
    assert members(bundle.packed_model(entry)) == model | {f"code/{name}": body for name, body in source.items()}


def test_the_first_model_is_small_world_itself():
    assert bundle.MODELS[0] == bundle.BASE
    assert (bundle.BASE.id, bundle.BASE.variant) == ("model-txt2img-smallworld", "base")
    assert "denoiser.onnx" in bundle.BASE.files


def test_turbo_has_other_weights_for_drawing_and_the_same_for_reading():
    assert (bundle.TURBO.id, bundle.TURBO.variant) == ("model-txt2img-smallworld-turbo", "turbo")
    assert "turbo.onnx" in bundle.TURBO.files
    assert "denoiser.onnx" not in bundle.TURBO.files


def test_models_differ_in_id_and_variant():
    for name in ("id", "title", "variant"):
        assert len({getattr(entry, name) for entry in bundle.MODELS}) == len(bundle.MODELS)


@each_model
def test_the_command_line_packs_the_model_that_is_named(entry, tmp_path, capsys):
    bundle.main([str(tmp_path / "a"), "--model", entry.id])
    assert f"infer-{entry.id}.tar.gz" in capsys.readouterr().out
    assert (tmp_path / "a" / bundle.PACKED_ARTIFACT).read_bytes() == bundle.packed_model(entry)


def test_a_model_that_there_is_not_is_refused_with_those_that_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit):
        bundle.main([str(tmp_path), "--model", "model-x"])
    assert "invalid choice: 'model-x' (choose from" in capsys.readouterr().err


@each_model
def test_the_same_files_give_the_same_bytes(tmp_path, entry):
    first, second = bundle.write(tmp_path / "a", entry), bundle.write(tmp_path / "b", entry)
    assert [path.name for path in first] == [entry.artifact, bundle.SOURCE_ARTIFACT, bundle.PACKED_ARTIFACT]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert bundle.tarball({"b": b"2", "a": b"1"}) == bundle.tarball({"a": b"1", "b": b"2"})
    assert bundle.tarball({"a": b"1"}) != bundle.tarball({"a": b"2"})


def test_the_code_imports_nothing_but_what_travels_with_it():
    allowed = {"smallworld", "numpy", "PIL", "onnxruntime"} | set(sys.stdlib_module_names)
    for name, content in bundle.source_files().items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, name
            if isinstance(node, ast.ImportFrom) and node.level:
                modules = [node.module] if node.module else [alias.name for alias in node.names]
                assert all(f"smallworld/{module}.py" in CODE for module in modules), f"{name} imports {modules}"
            elif isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] in allowed, name
                if node.module == "smallworld":
                    assert all(f"smallworld/{alias.name}.py" in CODE for alias in node.names)


def test_every_requirement_is_pinned_exactly():
    lines = bundle.source_files()["requirements.txt"].decode().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert {pin.split("==")[0] for pin in pins} == {"numpy", "onnxruntime", "pillow"}
    assert all(pin.count("==") == 1 for pin in pins)


def test_packing_needs_the_standard_library_only():
    program = "import sys; sys.path.insert(0, sys.argv[1]); from smallworld import bundle; bundle.source_artifact()"
    program += "; sys.exit('numpy' in sys.modules)"
    folder = str(bundle.HERE.parent)
    subprocess.run([sys.executable, "-I", "-S", "-c", program, folder], check=True, timeout=60)


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle, "WEIGHTS", tmp_path)
    with pytest.raises(bundle.BundleError, match=r"training\.json is missing; weights are written by `make train`"):
        bundle.packed_model()


def test_weights_stay_small():
    files = {name for entry in bundle.MODELS for name in entry.files}
    assert sum((bundle.WEIGHTS / name).stat().st_size for name in files) <= 25_000_000
