"""Runs in parliament's own environment: policies as JSON in, findings as JSON out."""

import json
import sys

from parliament import analyze_policy_string, enhance_finding

findings = []
for name, document in json.load(sys.stdin):
    for finding in analyze_policy_string(json.dumps(document)).findings:
        enhanced = enhance_finding(finding)
        text = f"{enhanced.title}. {json.dumps(enhanced.detail, sort_keys=True)} {json.dumps(finding.location)}"
        findings.append((name, finding.issue, " ".join(text.split())))
json.dump(findings, sys.stdout)
