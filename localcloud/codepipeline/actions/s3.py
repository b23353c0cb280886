"""Amazon S3 as source and as target (CodePipeline User Guide, "Amazon S3 source / deploy action reference")."""

from __future__ import annotations

import mimetypes
from typing import Any

from botocore.exceptions import ClientError

from localcloud.codepipeline.actions.job import ActionError, Job, Outcome


def current_revision(client: Any, configuration: dict[str, str]) -> str | None:
    """The version of the object now; None while there is none."""
    try:
        head = client("s3").head_object(Bucket=configuration["S3Bucket"], Key=configuration["S3ObjectKey"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket", "NotFound"):
            return None
        raise
    return str(head.get("VersionId") or head["ETag"].strip('"'))


def run_s3_source(job: Job) -> Outcome:
    """Copy the object, which is a zip file, into the artifact store.

    Raises
    ------
    ActionError
        When the object does not exist, the bucket has no versioning, or another key may not be asked for.
    """
    s3, bucket = job.client("s3"), job.configuration["S3Bucket"]
    key = job.override.get("S3_OBJECT_KEY", job.configuration["S3ObjectKey"])
    if key != job.configuration["S3ObjectKey"] and job.configuration.get("AllowOverrideForS3ObjectKey") != "true":
        raise ActionError("S3_OBJECT_KEY needs AllowOverrideForS3ObjectKey in the configuration", "ConfigurationError")
    place = {"Bucket": bucket, "Key": key}
    if "S3_OBJECT_VERSION_ID" in job.override:
        place["VersionId"] = job.override["S3_OBJECT_VERSION_ID"]
    try:
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            # User Guide: "the source bucket must have versioning enabled".
            raise ActionError(f"The bucket {bucket} has no versioning: switch it on", "ConfigurationError")
        head = s3.head_object(**place)
    except ClientError as error:
        raise ActionError(
            "The service role or action role doesn't have the permissions required to access the Amazon S3 object, or "
            f"the object named {key} in the bucket named {bucket} could not be found. ({error})",
            "PermissionError",
        ) from error
    version = str(head.get("VersionId", "null"))
    target = job.outputs[0]
    s3.copy_object(
        Bucket=target.bucket, Key=target.key, CopySource=place | {"VersionId": version}, **job.store.encryption
    )
    summary = str(head.get("Metadata", {}).get("codepipeline-artifact-revision-summary", ""))
    summary = summary or f"Amazon S3 version id: {version}"
    return Outcome(
        variables={"BucketName": bucket, "ETag": head["ETag"].strip('"'), "ObjectKey": key, "VersionId": version},
        revision={"Id": version, "ChangeId": version, "Summary": summary, "Url": ""},
        external_id=version,
        summary=summary,
    )


def run_s3_deploy(job: Job) -> Outcome:
    """Put the artifact, or every file in it, into a bucket.

    Raises
    ------
    ActionError
        With what S3 said.
    """
    s3, configuration = job.client("s3"), job.configuration
    bucket, artifact = configuration["BucketName"], job.inputs[0]
    try:
        if configuration["Extract"] == "false":
            source = {"Bucket": artifact.bucket, "Key": artifact.key}
            s3.copy_object(Bucket=bucket, Key=configuration["ObjectKey"], CopySource=source)
            return Outcome(summary="Deployment Succeeded")
        prefix = configuration.get("ObjectKey", "").strip("/")
        with job.store.open(artifact) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                key = f"{prefix}/{entry.filename}" if prefix else entry.filename
                kind = mimetypes.guess_type(entry.filename)[0] or "binary/octet-stream"
                s3.put_object(Bucket=bucket, Key=key, Body=archive.read(entry), ContentType=kind)
                job.wait(0)
    except ClientError as error:
        raise ActionError(f"The files could not be put into the bucket {bucket}: {error}") from error
    return Outcome(summary="Deployment Succeeded")
