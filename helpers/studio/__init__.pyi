from .studio import Studio as Studio
