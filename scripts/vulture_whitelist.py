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

# Called or read by what they are given to: atexit, the CDK's bundling, torch's optimizer, a Lambda worker's prelude.
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
