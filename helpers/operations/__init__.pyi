from .cleanup import clean_up as clean_up
from .costs import Estimate as Estimate
from .costs import estimate as estimate
from .costs import instance_price as instance_price
from .costs import standing_month as standing_month
from .dead_letters import (
    broken as broken,
)
from .dead_letters import (
    functions as functions,
)
from .dead_letters import (
    letters as letters,
)
from .dead_letters import (
    purge as purge,
)
from .dead_letters import (
    redrive as redrive,
)
from .dead_letters import (
    repair as repair,
)
from .dead_letters import (
    wait_for_letters as wait_for_letters,
)
from .dead_letters import (
    waiting as waiting,
)
from .expiry import Expiry as Expiry
from .expiry import expires as expires
from .expiry import extend as extend
from .model_versions import roll_back as roll_back
from .model_versions import try_bad_version as try_bad_version
from .model_versions import versions as versions
from .observe import Observation as Observation
from .observe import instances as instances
from .observe import wait_for_instances as wait_for_instances
from .operate import alarms as alarms
from .operate import dashboard as dashboard
from .operate import metrics as metrics
from .operate import request_log as request_log
