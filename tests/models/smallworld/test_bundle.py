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
    *(f"smallworld/{name}.py" for name in ("__init__", "request", "response", "sample", "tokenizer", "upscale")),
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


def test_the_tarballs_hold_what_belongs_in_them():
    model, source = members(bundle.model_artifact()), members(bundle.source_artifact())
    assert set(model) == {"denoiser.onnx", "text_encoder.onnx", "config.json"}
    assert set(source) == CODE
    assert json.loads(model["config.json"])["model_id"] == "model-txt2img-smallworld"
    assert members(bundle.packed_model()) == model | {f"code/{name}": content for name, content in source.items()}


def test_the_same_files_give_the_same_bytes(tmp_path):
    first, second = bundle.write(tmp_path / "a"), bundle.write(tmp_path / "b")
    assert [path.name for path in first] == [bundle.MODEL_ARTIFACT, bundle.SOURCE_ARTIFACT, bundle.PACKED_ARTIFACT]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert bundle.tarball({"b": b"2", "a": b"1"}) == bundle.tarball({"a": b"1", "b": b"2"})
    assert bundle.tarball({"a": b"1"}) != bundle.tarball({"a": b"2"})


def test_the_code_imports_nothing_but_what_travels_with_it():
    allowed = {"smallworld", "numpy", "PIL", "onnxruntime", "sagemaker_inference"} | set(sys.stdlib_module_names)
    for name, content in bundle.source_files().items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, name
            if isinstance(node, ast.ImportFrom) and node.level:
                assert f"smallworld/{node.module}.py" in CODE, f"{name} imports {node.module}"
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
    assert sum((bundle.WEIGHTS / name).stat().st_size for name in bundle.WEIGHT_FILES) <= 12_000_000
