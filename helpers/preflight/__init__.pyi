from .checklist import preflight as preflight
