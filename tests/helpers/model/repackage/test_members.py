import subprocess
import tarfile

import pytest

from contract.errors import ModelError
from helpers.model.repackage.members import BLOCK, Archive
from tests.helpers.model.repackage.archives import folder, link, tar


def pieces(data: bytes, size: int = 1000) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


def read(data: bytes, size: int = 1000, **options) -> tuple[list[str], bytes]:
    archive, taken = Archive("s3://b/k", pieces(data, size), **options), bytearray()
    for member in archive:
        taken += member.header
        archive.data(taken.extend)
    return archive.names, bytes(taken)


MEMBERS = {
    "./": folder(),
    "./a": b"x" * 1000,
    "sub/": folder(),
    "sub/" + "long" * 60: b"",
    "sub/é": b"y" * BLOCK,
    "sub/link": link("../a"),
    "hard": link("a", tarfile.LNKTYPE),
    "z": b"z" * 70_000,
}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("size", [1, 100, BLOCK, 1 << 20])
def test_members_are_read_as_they_are_in_the_archive(form, size):
    data = tar(MEMBERS, form)
    names, taken = read(data, size)
    assert names == ["/", "a", "sub/", "sub/" + "long" * 60, "sub/é", "sub/link", "hard", "z"]
    assert data.startswith(taken)
    assert not data[len(taken) :].strip(b"\0")


def test_an_archive_may_lack_its_end_but_be_no_shorter():
    data = tar({"a": b"x" * 1000})
    assert read(data[: 3 * BLOCK]) == (["a"], data[: 3 * BLOCK])


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b"", "empty file"),
        (b"no tar at all" * 100, "invalid header"),
        (tar({"a": b"x" * 1000})[:700], "ends within member 'a'|truncated|unexpected end"),
        (tar({"a": b"x" * 1000, "b": b""})[:1540], "no tar header|truncated"),
        (tar({"a": b"x" * 1000, "b": b""})[: 3 * BLOCK] + b"?" * BLOCK, "no tar header where the next member"),
    ],
)
def test_damage_that_tarfile_takes_for_the_end_is_found(damaged, said):
    with pytest.raises(ModelError, match=r"^s3://b/k: corrupt tar archive at unpacked byte") as caught:
        read(damaged)
    assert caught.match(said)


def device() -> tarfile.TarInfo:
    return link("", tarfile.CHRTYPE)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../x", b"")], "'../x' is outside"),
        ([("a/../../x", b"")], "is outside"),
        ([("/etc/passwd", b"")], "'/etc/passwd' is outside"),
        ([("dev", device())], "'dev' is a device or pipe"),
        ([("pipe", link("", tarfile.FIFOTYPE))], "'pipe' is a device or pipe"),
        ([("a", link("/etc/passwd"))], "'a' links to '/etc/passwd', outside"),
        ([("a", link("../x"))], "'a' links to '../x', outside"),
        ([("d/a", link("../../x"))], "links to '../../x', outside"),
        ([("a", link("b/../../x"))], "outside"),
        ([("d/a", link("../x", tarfile.LNKTYPE))], "links to '../x', outside"),
        ([("d", link(".")), ("d/a", b"")], "'d/a' would be written through the link 'd'"),
        ([("d", link(".")), ("a", link("d/x", tarfile.LNKTYPE))], "'a' would be written through the link 'd'"),
    ],
)
def test_what_would_write_outside_is_refused(members, said):
    with pytest.raises(ModelError, match=said) as caught:
        read(tar(members))
    assert caught.match("^s3://b/k: ")


@pytest.mark.parametrize(
    "members",
    [
        [("d/a", link("../x"))],
        [("d/e/a", link("../../x/y"))],
        [("a", link("./b/c"))],
        [("a", b""), ("d/b", link("a", tarfile.LNKTYPE))],
        [("..a", b""), ("b..", b"")],
    ],
)
def test_links_and_names_that_stay_inside_are_fine(members):
    assert len(read(tar(members))[0]) == len(members)


def test_links_that_lie_there_already_count():
    with pytest.raises(ModelError, match="through the link 'code/lib'"):
        read(tar({"code/lib/x": b""}), links={"code/lib"})


def test_sparse_files_of_gnu_tar_pass_unchanged(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.seek(5_000_000)
        file.write(b"end")
    for form in ("--format=gnu", "--format=posix"):
        made = subprocess.run(["tar", "cS", form, "-C", tmp_path, "sparse"], capture_output=True, check=True).stdout
        assert len(made) < 100_000
        names, taken = read(made)
        assert names == ["sparse"]
        assert made.startswith(taken)
        assert not made[len(taken) :].strip(b"\0")


def test_a_header_without_end_is_not_kept_in_memory():
    endless = tarfile.TarInfo("x")
    endless.type, endless.size = tarfile.XHDTYPE, 1 << 33
    with pytest.raises(ModelError, match="a header of more than"):
        read(endless.tobuf(tarfile.USTAR_FORMAT if endless.size < 1 << 33 else tarfile.GNU_FORMAT) + bytes(BLOCK))
