from .connection import Connection as Connection
from .connection import connect as connect
from .connection import connect_inside as connect_inside
from .jobs import Job as Job
from .parameters import (
    BASE64_JPEG as BASE64_JPEG,
)
from .parameters import (
    BYTES_PER_PIXEL as BYTES_PER_PIXEL,
)
from .parameters import (
    NESTED_RGB as NESTED_RGB,
)
from .parameters import (
    Limits as Limits,
)
from .parameters import (
    Parameters as Parameters,
)
from .parameters import (
    limits_of as limits_of,
)
from .records import Activity as Activity
from .records import Phase as Phase
from .records import Record as Record
from .records import Sample as Sample
from .results import Output as Output
from .results import Result as Result
from .results import wait_for_timelines as wait_for_timelines
from .timeline import Timeline as Timeline
