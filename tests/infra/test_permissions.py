"""Who may do what: no more than the work needs, and never without TLS."""

import pytest

# Actions that AWS grants on all resources or on none, and what needs them here.
ON_ALL_RESOURCES = {
    "ecr:GetAuthorizationToken": "log-in to ECR before the image is pulled",
    "cloudwatch:PutMetricData": "the container's own metrics; narrowed by namespace instead",
    "ec2:DescribeDhcpOptions": "VPC",
    "ec2:DescribeNetworkInterfaces": "VPC",
    "ec2:DescribeSecurityGroups": "VPC",
    "ec2:DescribeSubnets": "VPC",
    "ec2:DescribeVpcs": "VPC",
}


def allowed(template, role):
    """(action, resource) pairs, without conditions."""
    return {
        (action, resource)
        for statement in template.statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def model_role(template):
    return template.one("AWS::SageMaker::Model")["ExecutionRoleArn"]


def bucket_arn(template):
    (bucket,) = template.resources("AWS::S3::Bucket")
    return f"<{bucket}.Arn>"


def objects(template, action, *folders):
    return {(action, f"{bucket_arn(template)}/{folder}/*") for folder in folders}


def s3_permissions(template, role):
    return {pair for pair in allowed(template, role) if pair[0].startswith("s3:")}


def test_only_forced_actions_are_granted_on_all_resources(load, variant):
    for stack in ("app", "models"):
        template = load(variant, stack)
        for name in template.resources("AWS::IAM::Role"):
            wide = {action for action, resource in allowed(template, f"<{name}>") if resource == "*"}
            assert wide <= set(ON_ALL_RESOURCES)


def test_no_action_is_a_pattern(load, variant):
    template = load(variant)
    for name in template.resources("AWS::IAM::Role"):
        assert not [action for action, _ in allowed(template, f"<{name}>") if "*" in action]


def test_no_role_of_ours_carries_a_managed_policy(load, variant):
    template = load(variant)
    ours = {template.function(package)["Role"] for package in ("save_status", "extract_images")}
    for role in [model_role(template), *ours]:
        entry = template.resources("AWS::IAM::Role")[role.removeprefix("<").removesuffix(".Arn>")]
        assert "ManagedPolicyArns" not in entry["Properties"]


def test_each_role_is_for_one_service(app):
    trusted = {
        name: entry["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        for name, entry in app.resources("AWS::IAM::Role").items()
    }
    assert trusted[model_role(app).strip("<>").removesuffix(".Arn")] == "sagemaker.amazonaws.com"
    for package in ("save_status", "extract_images"):
        assert trusted[app.function(package)["Role"].strip("<>").removesuffix(".Arn")] == "lambda.amazonaws.com"


def test_the_model_reads_requests_and_writes_answers(app):
    of_requests = {pair for pair in s3_permissions(app, model_role(app)) if bucket_arn(app) in pair[1]}
    assert of_requests == (
        objects(app, "s3:GetObject", "requests")
        | objects(app, "s3:PutObject", "output", "failures")
        | objects(app, "s3:AbortMultipartUpload", "output", "failures")
        | {("s3:ListBucket", bucket_arn(app))}  # without it a missing request is a 403
    )


def test_the_model_reads_its_tarball_and_nothing_else_of_the_store(load):
    template = load(ModelKey="a/model.tar.gz")
    stored = {pair for pair in s3_permissions(template, model_role(template)) if bucket_arn(template) not in pair[1]}
    assert stored == {("s3:GetObject", "arn:aws:s3:::models/a/model.tar.gz"), ("s3:ListBucket", "arn:aws:s3:::models")}


def test_the_model_reads_all_below_its_prefix(load):
    template = load(ModelKey="a/model/", ModelDataType="S3Prefix")
    assert ("s3:GetObject", "arn:aws:s3:::models/a/model/*") in allowed(template, model_role(template))


def test_the_store_is_listed_only_where_the_model_is(load):
    template = load(ModelKey="a/model/", ModelDataType="S3Prefix")
    (listing,) = [
        statement
        for statement in template.statements(model_role(template))
        if statement["Resource"] == ["arn:aws:s3:::models"]
    ]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "a/model/*"}}


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
            "arn:aws:ecr:us-east-1:763104351884:repository/pytorch-inference",
        ),
        (
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/text2image@sha256:0a1b",
            "arn:aws:ecr:eu-west-1:111122223333:repository/team/text2image",
        ),
    ],
)
def test_the_model_pulls_from_the_repository_of_its_image(load, image, repository):
    template = load(ImageUri=image)
    pulls = {pair for pair in allowed(template, model_role(template)) if pair[0].startswith("ecr:")}
    assert {resource for action, resource in pulls if action != "ecr:GetAuthorizationToken"} == {repository}
    assert "ecr:BatchGetImage" in {action for action, _ in pulls}


def test_metrics_of_the_model_go_to_sagemakers_namespaces(app):
    (statement,) = [s for s in app.statements(model_role(app)) if "cloudwatch:PutMetricData" in s["Action"]]
    assert statement["Condition"]["StringLike"]["cloudwatch:namespace"] == ["AWS/SageMaker", "/aws/sagemaker/*"]


def test_the_model_publishes_to_both_topics(app):
    topics = {resource for action, resource in allowed(app, model_role(app)) if action == "sns:Publish"}
    assert topics == {f"<{name}>" for name in app.resources("AWS::SNS::Topic")}


def test_save_status_writes_statuses_and_reads_only_what_it_supersedes(app):
    assert s3_permissions(app, app.function("save_status")["Role"]) == (
        objects(app, "s3:GetObject", "status") | objects(app, "s3:PutObject", "status")
    )


def test_extract_images_reads_answers_and_requests_and_writes_pictures_over_older_ones(app):
    assert s3_permissions(app, app.function("extract_images")["Role"]) == (
        objects(app, "s3:GetObject", "output", "requests", "images") | objects(app, "s3:PutObject", "images")
    )


def test_nobody_deletes(app):
    for role in [model_role(app), *(app.function(package)["Role"] for package in ("save_status", "extract_images"))]:
        assert not [action for action, _ in allowed(app, role) if "Delete" in action]


@pytest.mark.parametrize("package", ["save_status", "extract_images"])
def test_functions_write_to_their_own_log_and_dead_letters(app, package):
    function = app.function(package)
    rest = {resource for action, resource in allowed(app, function["Role"]) if action.split(":")[0] in ("logs", "sqs")}
    group = function["LoggingConfig"]["LogGroup"].replace(">", ".Arn>")
    assert rest == {group, function["DeadLetterConfig"]["TargetArn"]}


def test_interfaces_are_made_in_the_given_subnets_only(load):
    template = load("vpc")
    for role in (model_role(template), template.function("save_status")["Role"]):
        places = {resource for action, resource in allowed(template, role) if action == "ec2:CreateNetworkInterface"}
        prefix = "arn:aws:ec2:us-east-1:111122223333"
        assert places == {
            f"{prefix}:network-interface/*",
            f"{prefix}:security-group/sg-0123456789abcdef0",
            f"{prefix}:subnet/subnet-0123456789abcdef0",
            f"{prefix}:subnet/subnet-0123456789abcdef1",
        }


def test_with_a_key_everyone_who_reads_or_writes_may_use_it(load):
    template = load("kms")
    (key,) = template.resources("AWS::KMS::Key")
    for package in ("save_status", "extract_images"):
        function = template.function(package)
        granted = {action for action, resource in allowed(template, function["Role"]) if resource == f"<{key}.Arn>"}
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= {action.rstrip("*") for action in granted}
    granted = {action for action, resource in allowed(template, model_role(template)) if resource == f"<{key}.Arn>"}
    assert granted == {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.mark.parametrize(
    ("stack", "policy", "owner", "action"),
    [
        ("models", "AWS::S3::BucketPolicy", "AWS::S3::Bucket", "s3:*"),
        ("app", "AWS::S3::BucketPolicy", "AWS::S3::Bucket", "s3:*"),
        ("app", "AWS::SNS::TopicPolicy", "AWS::SNS::Topic", "sns:Publish"),
        ("app", "AWS::SQS::QueuePolicy", "AWS::SQS::Queue", "sqs:*"),
    ],
)
def test_plain_http_is_denied(load, stack, policy, owner, action):
    template = load("default", stack)
    denied = [
        statement
        for document in template.properties(policy)
        for statement in document["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] in ("*", {"AWS": "*"})
        and statement["Action"] == action
    ]
    resources = str([statement["Resource"] for statement in denied])
    owners = template.resources(owner)
    assert owners
    for name in owners:
        assert f"<{name}>" in resources or f"<{name}.Arn>" in resources
