"""Where builds get their source from and where their artifacts and caches go.

AWS CodeBuild User Guide, "Build specification reference for CodeBuild"; API Reference, ProjectArtifacts.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from typing import Any

import pytest

from tests.localcloud.codebuild.conftest import BUCKET, ENVIRONMENT, ROLE, Bench, context, phases, zipped

pytestmark = pytest.mark.cloud

LS = "version: 0.2\nphases: {build: {commands: ['find . -type f | sort']}}\n"


def target(name: str, **settings: Any) -> dict[str, Any]:
    return {"type": "S3", "location": BUCKET, "name": name, "packaging": "ZIP", **settings}


# Sources -------------------------------------------------------------------------------------------------------------


def test_a_zip_that_reaches_outside_is_refused(bench: Bench) -> None:
    build = bench.run(LS, {"../x": "evil"})
    assert build["buildStatus"] == "FAILED"
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "CLIENT_ERROR"
    assert "'../x' is outside" in message
    assert list(phases(build))[-3:] == ["DOWNLOAD_SOURCE", "FINALIZING", "COMPLETED"]


def test_a_source_that_is_not_there(bench: Bench) -> None:
    project = bench.project(LS, {"a": "b"})
    build = bench.build(project, sourceLocationOverride=f"{BUCKET}/nowhere.zip")
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "CLIENT_ERROR"
    assert message.startswith("NoSuchKey: ")
    assert "primary source" in message


def test_a_folder_in_s3_is_a_source(bench: Bench) -> None:
    for name in ("a.txt", "sub/b.txt"):
        bench.s3.put_object(Bucket=BUCKET, Key=f"folder/{name}", Body=b"x")
    project = bench.project(LS, {"a": "b"})
    assert bench.printed(bench.build(project, sourceLocationOverride=f"{BUCKET}/folder/")) == ["./a.txt", "./sub/b.txt"]


def test_a_version_of_an_object(bench: Bench) -> None:
    bench.s3.create_bucket(Bucket="versions")
    bench.s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first = bench.s3.put_object(Bucket="versions", Key="s.zip", Body=zipped({"first": ""}))["VersionId"]
    second = bench.s3.put_object(Bucket="versions", Key="s.zip", Body=zipped({"second": ""}))["VersionId"]
    project = bench.project(LS, {"a": "b"})
    for version, name in ((first, "./first"), (second, "./second")):
        build = bench.build(project, sourceLocationOverride="versions/s.zip", sourceVersion=version)
        assert bench.printed(build) == [name]
        assert build["resolvedSourceVersion"] == build["sourceVersion"] == version


@pytest.mark.parametrize(
    ("buildspec", "message"),
    [("", "YAML file does not exist"), ("ci/build.yml", "/ci/build.yml: no such file or directory")],
)
def test_a_buildspec_that_is_not_there(bench: Bench, buildspec: str, message: str) -> None:
    build = bench.run(buildspec, {"a": "b"})
    assert context(build, "DOWNLOAD_SOURCE")[0] == "YAML_FILE_ERROR"
    assert context(build, "DOWNLOAD_SOURCE")[1].endswith(message)


def test_a_malformed_buildspec_fails_before_any_command(bench: Bench) -> None:
    build = bench.run("version: 0.2\nphases: {build: {commands: [ls]}}\nartefacts: {}\n")
    assert build["buildStatus"] == "FAILED"
    assert context(build, "DOWNLOAD_SOURCE")[0] == "YAML_FILE_ERROR"
    assert "BUILD" not in phases(build)


def test_a_buildspec_by_path_by_arn_and_by_override(bench: Bench) -> None:
    """Buildspec file name and storage location."""
    spec = "version: 0.2\nphases: {build: {commands: [echo %s]}}\n"
    bench.s3.put_object(Bucket=BUCKET, Key="specs/s3.yml", Body=(spec % "arn").encode())
    project = bench.project("ci/build.yml", {"ci/build.yml": spec % "path", "other.yml": spec % "other"})
    assert bench.printed(bench.build(project)) == ["path"]
    assert bench.printed(bench.build(project, buildspecOverride="other.yml")) == ["other"]
    assert bench.printed(bench.build(project, buildspecOverride=spec % "inline")) == ["inline"]
    assert bench.printed(bench.build(project, buildspecOverride=f"arn:aws:s3:::{BUCKET}/specs/s3.yml")) == ["arn"]


def test_secondary_sources_have_folders_of_their_own(bench: Bench) -> None:
    project = bench.project(
        "version: 0.2\nphases: {build: {commands: ['cat first', 'cat $CODEBUILD_SRC_DIR_two/second']}}\n",
        {"first": "1\n"},
        secondarySources=[
            {"type": "S3", "location": bench.put("source/two.zip", {"second": "2\n"}), "sourceIdentifier": "two"}
        ],
    )
    assert bench.printed(bench.build(project)) == ["1", "2"]


# Artifacts -----------------------------------------------------------------------------------------------------------

TREE = """\
version: 0.2
phases:
  build:
    commands:
      - mkdir -p dist/sub other
      - echo a > dist/a.txt; echo b > dist/sub/b.txt; echo log > dist/sub/b.log; echo c > other/c.txt
      - chmod +x dist/a.txt; ln -s a.txt dist/link
"""


def test_globs_base_directory_and_exclusions(bench: Bench) -> None:
    text = (
        TREE + "artifacts: {files: ['**/*'], base-directory: dist, exclude-paths: ['**/*.log'], enable-symlinks: yes}\n"
    )
    build = bench.run(text, artifacts=target("g.zip", path="p", encryptionDisabled=True))
    assert bench.files("p/g.zip") == {"a.txt": b"a\n", "sub/b.txt": b"b\n", "link": b"a.txt"}
    body = bench.s3.get_object(Bucket=BUCKET, Key="p/g.zip")
    content = body["Body"].read()
    assert build["artifacts"]["sha256sum"] == hashlib.sha256(content).hexdigest()
    assert build["artifacts"]["md5sum"] == hashlib.md5(content).hexdigest()
    assert body["Metadata"]["codebuild-buildarn"] == build["arn"]
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        assert bundle.getinfo("a.txt").external_attr >> 16 & 0o111
        assert stat.S_ISLNK(bundle.getinfo("link").external_attr >> 16)


def test_discarded_paths(bench: Bench) -> None:
    bench.run(TREE + "artifacts: {files: ['**/*.txt'], discard-paths: yes}\n", artifacts=target("d.zip"))
    assert set(bench.files("d.zip")) == {"a.txt", "b.txt", "c.txt"}


def test_unpacked_artifacts_and_a_folder_for_each_build(bench: Bench) -> None:
    """ProjectArtifacts: namespaceType BUILD_ID, packaging NONE, path, name."""
    artifacts = target("out", path="plain", packaging="NONE", namespaceType="BUILD_ID")
    build = bench.run(TREE + "artifacts: {files: ['dist/**/*.txt']}\n", artifacts=artifacts)
    prefix = f"plain/{build['id'].partition(':')[2]}/out/"
    listed = bench.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    assert [each["Key"].removeprefix(prefix) for each in listed] == ["dist/a.txt", "dist/sub/b.txt"]


def test_the_buildspecs_name_when_the_project_wants_it(bench: Bench) -> None:
    """artifacts/name uses the shell command language; overrideArtifactName."""
    text = TREE + "artifacts: {files: [other/c.txt], name: 'v-$(cat other/c.txt)/$CODEBUILD_BUILD_NUMBER.zip'}\n"
    build = bench.run(text, artifacts=target("ignored.zip", overrideArtifactName=True))
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{BUCKET}/v-c/1.zip"
    assert bench.files("v-c/1.zip") == {"other/c.txt": b"c\n"}


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ("{files: [nothing]}", "no matching artifact paths found"),
        ("{files: ['*'], base-directory: nowhere}", "no matching base directory path found for nowhere"),
    ],
)
def test_artifacts_that_are_not_there_fail_the_build(bench: Bench, artifacts: str, message: str) -> None:
    build = bench.run(f"{TREE}artifacts: {artifacts}\n", artifacts=target("never.zip"))
    assert build["buildStatus"] == "FAILED"
    assert context(build, "UPLOAD_ARTIFACTS") == ("CLIENT_ERROR", message)


def test_secondary_artifacts(bench: Bench) -> None:
    text = TREE + "artifacts: {secondary-artifacts: {one: {files: ['dist/*.txt']}, two: {files: [other/c.txt]}}}\n"
    secondary = [target("one.zip", artifactIdentifier="one"), target("two.zip", artifactIdentifier="two")]
    build = bench.run(text, secondaryArtifacts=secondary)
    assert build["buildStatus"] == "SUCCEEDED"
    assert set(bench.files("one.zip")) == {"dist/a.txt"}
    assert set(bench.files("two.zip")) == {"other/c.txt"}
    assert [each["artifactIdentifier"] for each in build["secondaryArtifacts"]] == ["one", "two"]
    build = bench.run(text, secondaryArtifacts=[target("x.zip", artifactIdentifier="three")])
    assert context(build, "UPLOAD_ARTIFACTS")[1] == "the buildspec has no secondary-artifacts with the identifier three"


def test_what_codepipeline_asks_for(bench: Bench) -> None:
    """A project of type CODEPIPELINE with everything overridden, as a pipeline's action starts it."""
    name = "in-a-pipeline"
    bench.codebuild.create_project(
        name=name,
        source={"type": "CODEPIPELINE", "buildspec": "ci/build.yml"},
        artifacts={"type": "CODEPIPELINE"},
        environment=ENVIRONMENT,
        serviceRole=ROLE,
    )
    with pytest.raises(bench.codebuild.exceptions.InvalidInputException, match="SourceTypeOverride must be set"):
        bench.start(name)
    spec = (
        "version: 0.2\nphases: {build: {commands: ['cat x $CODEBUILD_SRC_DIR_Second/y > z']}}\n"
        "artifacts: {files: [z], secondary-artifacts: {Out-1: {files: [x]}, Out-2: {files: [z]}}}\n"
    )
    source = {
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": bench.put("pipe/Source/abc", {"x": "1", "ci/build.yml": spec}),
        "secondarySourcesOverride": [
            {"type": "S3", "location": bench.put("pipe/Second/def", {"y": "2"}), "sourceIdentifier": "Second"}
        ],
    }
    with pytest.raises(bench.codebuild.exceptions.InvalidInputException, match="ArtifactsOverride must be set"):
        bench.start(name, **source)
    plain = {"namespaceType": "NONE", "overrideArtifactName": False, "encryptionDisabled": True}
    build = bench.build(name, **source, artifactsOverride=target("ghi", path="pipe/Out", **plain))
    assert build["buildStatus"] == "SUCCEEDED", bench.log(build)
    assert bench.files("pipe/Out/ghi") == {"z": b"12"}
    several = [
        target(key, path=f"pipe/{identifier}", artifactIdentifier=identifier, **plain)
        for identifier, key in (("Out-1", "jkl"), ("Out-2", "mno"))
    ]
    bench.build(name, **source, artifactsOverride={"type": "NO_ARTIFACTS"}, secondaryArtifactsOverride=several)
    assert bench.files("pipe/Out-1/jkl") == {"x": b"1"}
    assert bench.files("pipe/Out-2/mno") == {"z": b"12"}


# Cache ---------------------------------------------------------------------------------------------------------------

CACHED = """\
version: 0.2
phases:
  build:
    commands:
      - echo "had $(cat kept/n 2>/dev/null) $(cat ~/.cache/tool/n 2>/dev/null) $(ls lost 2>/dev/null)"
      - mkdir -p kept ~/.cache/tool lost; touch lost/x
      - echo x >> kept/n; cp kept/n ~/.cache/tool/n; ln -sf n kept/link
      - ${END:-true}
cache: {paths: ['kept/**/*', /root/.cache/tool, /etc/passwd]}
"""


@pytest.mark.parametrize(
    "cache", [{"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}, {"type": "S3", "location": f"{BUCKET}/caches"}]
)
def test_a_cache_lasts_from_build_to_build(bench: Bench, cache: dict[str, Any]) -> None:
    """Build caching; /root is the build's HOME, as on AWS."""
    project = bench.project(CACHED, cache=cache)
    assert bench.printed(bench.build(project)) == ["had   "]
    assert bench.printed(bench.build(project)) == ["had x x "]
    override = [{"name": "END", "value": "false"}]  # a failed build leaves the cache as it was
    assert bench.build(project, environmentVariablesOverride=override)["buildStatus"] == "FAILED"
    build = bench.build(project)
    assert bench.printed(build) == ["had x", "x x", "x "]
    assert any("Skipping cache path /etc/passwd" in line for line in bench.log(build))


def test_without_a_cache_nothing_lasts(bench: Bench) -> None:
    project = bench.project(CACHED)
    bench.build(project)
    assert bench.printed(bench.build(project)) == ["had   "]


# Reports -------------------------------------------------------------------------------------------------------------

JUNIT = """\
version: 0.2
phases:
  build:
    commands:
      - |
        cat > junit.xml <<END
        <testsuite name="s"><testcase classname="c" name="good" time="0.5"/>
        <testcase classname="c" name="bad" time="0"><failure message="no"/></testcase></testsuite>
        END
reports:
  unit: {files: [junit.xml]}
  none: {files: [nothing.xml]}
"""


def test_a_junit_report(bench: Bench) -> None:
    """Test reports: a name in the buildspec makes the group <project>-<name>; failing tests do not fail the build."""
    codebuild = bench.codebuild
    project = bench.project(JUNIT)
    build = bench.build(project)
    assert build["buildStatus"] == "SUCCEEDED"
    unit, none = codebuild.batch_get_reports(reportArns=build["reportArns"])["reports"]
    assert (unit["status"], none["status"]) == ("FAILED", "INCOMPLETE")
    assert unit["executionId"] == build["arn"]
    assert unit["testSummary"]["total"] == 2
    assert unit["testSummary"]["statusCounts"] == {"SUCCEEDED": 1, "FAILED": 1, "ERROR": 0, "SKIPPED": 0, "UNKNOWN": 0}
    assert unit["testSummary"]["durationInNanoSeconds"] == 500_000_000
    cases = codebuild.describe_test_cases(reportArn=unit["arn"])["testCases"]
    assert [(case["prefix"], case["name"], case["status"], case["message"]) for case in cases] == [
        ("c", "good", "SUCCEEDED", ""),
        ("c", "bad", "FAILED", "no"),
    ]
    failed = codebuild.describe_test_cases(reportArn=unit["arn"], filter={"status": "FAILED"})["testCases"]
    assert [case["name"] for case in failed] == ["bad"]
    group = unit["reportGroupArn"]
    assert group.endswith(f":report-group/{project}-unit")
    assert group in codebuild.list_report_groups()["reportGroups"]
    assert codebuild.batch_get_report_groups(reportGroupArns=[group])["reportGroups"][0]["type"] == "TEST"
    assert codebuild.list_reports_for_report_group(reportGroupArn=group)["reports"] == [unit["arn"]]
    assert set(build["reportArns"]) <= set(codebuild.list_reports()["reports"])
    assert none["arn"] not in codebuild.list_reports(filter={"status": "FAILED"})["reports"]
    with pytest.raises(codebuild.exceptions.InvalidInputException, match="not empty"):
        codebuild.delete_report_group(arn=group)
    codebuild.delete_report_group(arn=group, deleteReports=True)
    assert codebuild.batch_get_reports(reportArns=[unit["arn"]])["reportsNotFound"] == [unit["arn"]]
