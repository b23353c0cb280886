"""Small World on AWS's own serving stack, beside the local container: ``make test-serving`` (docs/serving.md).

``make test`` leaves these out: they need .tools/serving, which holds some gigabytes, and Java.
"""
