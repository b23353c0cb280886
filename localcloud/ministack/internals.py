"""Which internals of MiniStack this package uses, and whether they exist."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

VERSION = "1.5.33"
INTERNALS = {
    "ministack.app": (
        "app",
        "_IncompleteRequestBody",
        "_RequestBodyDisconnected",
        "_build_persistence_save_dict",
        "_decode_aws_chunked_body",
        "_load_persisted_state",
        "_read_request_body",
        "_send_response",
    ),
    "ministack.core.iam_evaluator": (
        "AuthError",
        "CredentialResolutionError",
        "EvalContext",
        "EvalResult",
        "PrincipalInfo",
        "_RESOURCE_POLICY_LOOKUPS",
        "_gather_role_policies",
        "_names_condition_key",
        "_permissions_boundary",
        "_principal_matches",
        "_resource_policy",
        "combine_resource_policy",
        "enforce",
        "evaluate",
        "evaluate_resource_policy",
        "is_root_access_key",
        "resolve_credential",
        "resolve_principal",
    ),
    "ministack.core.concurrency": ("run_reentrant",),
    "ministack.core.persistence": ("_json_default", "_json_object_hook", "_state_format_version", "STATE_DIR"),
    "ministack.core.responses": ("StreamingResponse", "request_scope", "get_account_id", "get_region"),
    "ministack.core.lambda_runtime": (
        "_worker_class_for",
        "acquire_worker",
        "execution_credentials",
        "release_worker",
        "reset",
    ),
    "ministack.services.cloudformation.provisioners": (
        "_NAME_SEED",
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_STACK_TAG_PROPERTY",
        "_provision_resource",
        "_replacing_change",
        "_update_resource",
    ),
    "ministack.services.cloudformation.stacks": (
        "_add_event",
        "_delete_resource",
        "_deploy_stack_async",
        "_property_recreation",
        "_provision_resource",
        "_resolve_refs",
        "_resolve_stack_outputs",
        "_roll_back_operation",
        "_runs_on_worker_thread",
        "_update_resource",
        "_with_stack_tags",
    ),
    "ministack.services.cloudformation.changesets": (
        "_add_event",
        "_deploy_stack_async",
        "_find_change_set",
        "new_uuid",
    ),
    "ministack.services.cloudformation.custom_resource": ("_pending",),
    "ministack.services.cloudformation": ("_change_sets", "_exports", "_stack_events", "_stacks"),
    "ministack.services.cloudformation.engine": (
        "_apply_transforms",
        "_evaluate_conditions",
        "_parse_template",
        "_resolve_parameters",
        "_resolve_refs",
        "declared_transforms",
        "validate_template_support",
    ),
    "ministack.services.cloudformation.handlers": (
        "_ACTION_HANDLERS",
        "_add_event",
        "_capabilities_enforced",
        "_deploy_stack_async",
        "_imported_export_names",
        "_p",
        "_required_capabilities",
        "_resolve_stack",
        "_roll_back_operation",
        "new_uuid",
    ),
    "ministack.services.cloudformation.helpers": ("_error", "_p", "_resolve_document"),
    "ministack.services.cloudwatch": (
        "_alarms",
        "_calc_stats",
        "_composite_alarms",
        "_composite_children",
        "_dashboards",
        "_dims_from_list",
        "_dims_key",
        "_dispatch_alarm_actions",
        "_error",
        "_evaluate_alarm",
        "_evaluate_all_alarms",
        "_evaluate_parent_alarms",
        "_evict_old_metrics",
        "_history_entries",
        "_metric_bucket",
        "_metrics",
        "_point_stats",
        "_put_composite_alarm",
        "_record_history",
        "_resource_tags",
        "_stat_value",
        "_store_datum",
        "cloudformation_delete_dashboard",
        "cloudformation_put_dashboard",
        "get_state",
        "record_metric",
    ),
    "ministack.services.cloudwatch_logs": (
        "_append_log_events",
        "_fanout_to_subscription_filters",
        "_get_log_events",
        "_log_groups",
        "_make_group_arn",
        "_metric_filters",
        "_put_log_events",
        "_queries",
    ),
    "ministack.services.iam": (
        "_access_keys",
        "_groups",
        "_instance_profiles",
        "_lookup_policy",
        "_policies",
        "_roles",
        "_user_inline_policies",
        "_users",
    ),
    "ministack.services.eventbridge": (
        "_SCHEDULER_TICK_INTERVAL",
        "_archive_event",
        "_dispatch_event",
        "_ensure_default_bus",
        "_event_bus_name_from_ref",
        "_event_buses",
        "_invoke_target",
        "_parse_rate_seconds",
        "_pattern_event_view",
        "_put_events",
        "_rule_key",
        "_rules",
        "_targets",
    ),
    "ministack.services.lambda_svc": (
        "_acquire_execution_slot",
        "_effective_func_record_for_qualifier",
        "_emit_lambda_metrics",
        "_ensure_reaper_thread",
        "_execute_function",
        "_fetch_code_from_s3",
        "_func_arn",
        "_function_config_scope_mismatch",
        "_function_qualifier_exists",
        "_get_function",
        "_functions",
        "_get_func_record_for_ref",
        "_inflight",
        "_invoke",
        "_LAMBDA_STATE_TRANSITION_DELAY",
        "_qp_first",
        "_recursive_loop_drop",
        "_release_execution_slot",
        "_resolve_layer_zip",
        "_resolve_name_and_qualifier",
        "_run_with_function_config_scope",
        "invoke_async_with_retry",
    ),
    "ministack.services.kms": ("_resolve_key",),
    "ministack.services.s3": (
        "DATA_DIR",
        "ParseError",
        "_VERSIONS_DIR",
        "_atomic_write",
        "_bucket_default_sse_headers",
        "_bucket_encryption",
        "_bucket_has_versions",
        "_bucket_tags",
        "_buckets",
        "_check_copy_source_preconditions",
        "_complete_multipart_upload",
        "_completed_multipart_uploads",
        "_composite_checksum",
        "_compute_s3_checksum",
        "_create_multipart_upload",
        "_delete_bucket",
        "_deliver_event_to_lambda",
        "_dispatch",
        "_error",
        "_fire_s3_event_async",
        "_get_object",
        "_get_object_data",
        "_head_object",
        "_list_object_versions",
        "_list_objects_v1",
        "_list_objects_v2",
        "_maybe_replicate",
        "_multipart_uploads",
        "_object_acl",
        "_object_disk_path",
        "_object_tags",
        "_object_versions",
        "_put_object",
        "_put_public_access_block",
        "_read_body",
        "_reject_response_overrides_if_unsigned",
        "_upload_part",
        "_upload_part_copy",
        "_version_body",
        "_version_disk_path",
        "_version_entry_from_record",
        "_version_file_exists",
        "fromstring",
        "handle_request",
        "hashlib",
        "md5_hash",
    ),
    "ministack.services.sns": (
        "_HOST",
        "_PORT",
        "_fanout",
        "_sub_arn_to_topic",
        "_topics",
        "publish_internal",
    ),
    "ministack.services.sqs": (
        "_Err",
        "_act_send_message",
        "_collect_msgs",
        "_queue_by_arn",
        "_queue_name_to_url",
        "_queues",
        "esm_wake",
    ),
    "ministack.services.ssm": (
        "_PUBLIC_AMI_PARAMETERS",
        "_lookup_parameter",
        "_parameter_history",
        "_parameter_tag_arn",
        "_parameters",
        "_tags",
        "resolve_parameter_value",
    ),
    "ministack.services.sts": ("_sessions", "register_session"),
    "ministack.services.tagging": ("_get_resources", "resource_tags"),
}


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack is not the one that this package is written for."""


def environment(state: Path, port: int, account: str, region: str) -> dict[str, str]:
    """The variables that MiniStack reads when it is imported. None of them reaches a Lambda function.

    Parameters
    ----------
    state : Path
        The cloud's state folder.
    port : int
    account, region : str
    """
    return {
        "AUTH": "true",  # IAM is enforced
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{state}/no-docker",  # or it looks for containers of other MiniStacks and ends them
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # or it opens port 8883
        "LOG_LEVEL": "WARNING",
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(state / "ministack"),
    }


def check() -> dict[str, ModuleType]:
    """Import MiniStack's modules; return them by the last part of their names.

    Raises
    ------
    IncompatibleMiniStackError
        For another version, or when one of them is missing.
    """
    # No Docker: this cloud never uses it, its SDK costs 11 MB, and with it MiniStack would end containers of others.
    sys.modules["docker"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    found = importlib.metadata.version("ministack")
    modules: dict[str, ModuleType] = {}
    missing: list[str] = []
    for name, names in INTERNALS.items():
        try:
            modules[name] = importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
            continue
        missing += [f"{name}.{each}" for each in names if not hasattr(modules[name], each)]
    if missing or found != VERSION:
        lost = f"; missing: {', '.join(missing)}" if missing else ""
        raise IncompatibleMiniStackError(
            f"the local cloud is written for MiniStack {VERSION}, but {found} is installed{lost}. "
            f"Install ministack=={VERSION} (`uv sync --frozen` does)."
        )
    return {name.rpartition(".")[2]: module for name, module in modules.items()}
