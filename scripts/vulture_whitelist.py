"""What vulture takes for dead and is not, with the reasons; groups of names are in pyproject.toml, [tool.vulture]."""

# Notebooks and the README use them: what checks, inspector, studio and a deployed workshop offer to people.
_.ok
_.to_html
_.choose_example
_.success_topic_arn
_.error_topic_arn

# Parts of a request or a widget that are read by their names: by TypedDict, traitlets and the ES modules.
_.num_inference_steps
_.num_images_per_prompt
_.mask_image
_.model_name
_.every_ms
_.inspecting

# Called or read by what they are given to: atexit, the CDK's bundling, torch's optimizer, a Lambda worker's prelude,
# SageMaker's inference toolkit.
_.transform_fn
_._stop_all
_.try_bundle
_.closure
_.become_lambda_worker

# The multi-model server's context, which any handler may ask for.
_.system_properties
_.get_all_request_header
_.set_response_content_type
_.set_response_header
_.set_response_status
_.idx

# Tells one kind of scene from the other when a score is looked at.
_.landscape

# Kept so that it is not collected: the process that cleans up when the server is killed.
_._janitor

# The context of a Lambda function, which any handler may ask for; and its logger's clock.
_.aws_request_id
_.invoked_function_arn
_.function_name
_.function_version
_.memory_limit_in_mb
_.log_group_name
_.log_stream_name
_.tenant_id
_.get_remaining_time_in_millis
_.converter

# What MiniStack's pool of Lambda workers reads of each, and what of MiniStack is replaced.
_.in_use
_.last_used
_._worker_class_for
_._execute_function
_._fetch_code_from_s3
_._LAMBDA_STATE_TRANSITION_DELAY
_._emit_lambda_metrics
_._SCHEDULER_TICK_INTERVAL
_._capabilities_enforced
_._resolve_document
_._record_history
_.trust_policy_for_arn

# Called by botocore, and by pytest.
_.load_credentials
_.pytest_collection_finish

# Read by name in contract.settings.Settings.safety_of; shown to people.
_.idle_hours
_.expire_hours
_.budget_usd
_.hours_left
